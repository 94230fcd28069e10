const width = 256

/**
 * A kernel that writes each row's likeliest token where the next run reads its `input_ids`, and into the history. One
 * workgroup has one row; of equal logits the first token counts.
 */
export const argmaxKernel = (vocabulary: number) => /* wgsl */ `
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> ids: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> history: array<u32>;
@group(0) @binding(3) var<uniform> before: vec4<u32>;

var<workgroup> largest: array<f32, ${width}>;
var<workgroup> tokens: array<u32, ${width}>;

@compute @workgroup_size(${width})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) invocation: vec3<u32>) {
  let row = group.x;
  let local = invocation.x;
  var most = -3.4e38;
  var token = 0u;
  for (var at = local; at < ${vocabulary}u; at += ${width}u) {
    let logit = logits[row * ${vocabulary}u + at];
    if (logit > most) { most = logit; token = at; }
  }
  largest[local] = most;
  tokens[local] = token;
  for (var step = ${width / 2}u; step > 0u; step >>= 1u) {
    workgroupBarrier();
    if (local < step) {
      let other = local + step;
      let isLarger = largest[other] > largest[local];
      let isEarlier = largest[other] == largest[local] && tokens[other] < tokens[local];
      if (isLarger || isEarlier) { largest[local] = largest[other]; tokens[local] = tokens[other]; }
    }
  }
  if (local == 0u) {
    // A token of 64 bits, the lower half first.
    ids[row] = vec2<u32>(tokens[0], 0u);
    history[before.x + row] = tokens[0];
  }
}
`
