import { drawFunctions } from './kernel-draw.ts'
import { flag, resultWords, status, width } from './kernel-layout.ts'
import { rowFunctions } from './kernel-rows.ts'

/**
 * A kernel that chooses one token a row, by the definition of `sampling/sampler.ts`. One workgroup has one row.
 *
 * Logits are compared as integers in the order of their values, because WGSL lets a GPU assume that no float is NaN or
 * infinite.
 */
export const choiceKernel = (vocabulary: number, type: 'float32' | 'float16') => /* wgsl */ `
const vocabulary = ${vocabulary}u;
const lowest = 0x007fffffu; // the key of minus infinity

@group(0) @binding(0) var<storage, read> logits: array<u32>;
@group(0) @binding(1) var<storage, read> inputs: array<u32>;
@group(0) @binding(2) var<storage, read_write> tables: array<u32>;
@group(0) @binding(3) var<storage, read_write> results: array<u32>;
@group(0) @binding(4) var<storage, read_write> tokens: array<u32>;
${rowFunctions(type)}
${drawFunctions(vocabulary)}
var<workgroup> first_nan: atomic<u32>;

@compute @workgroup_size(${width})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) invocation: vec3<u32>) {
  let local = invocation.x;
  let row = read_row(group.x);
  if (local == 0u) { atomicStore(&first_nan, 0xffffffffu); }
  workgroupBarrier();

  var mine = Best(0u, 0xffffffffu);
  var mine_changed = Best(0u, 0xffffffffu);
  for (var token = local; token < vocabulary; token += ${width}u) {
    let bits = logit_bits(row, token);
    if (is_nan(bits)) { atomicMin(&first_nan, token); continue; }
    let here = Best(key_of(bits), token);
    if (is_before(here, mine)) { mine = here; }
    let changed = Best(changed_key(row, token), token);
    if (is_before(changed, mine_changed)) { mine_changed = changed; }
  }
  let likeliest = best_of(mine, local);
  workgroupBarrier();
  let first = best_of(mine_changed, local);
  if (local == 0u) { shared_a = atomicLoad(&first_nan); }
  let nan = workgroupUniformLoad(&shared_a);

  var outcome = ${status.chosen}u;
  var place = 0u;
  if (nan != 0xffffffffu) { outcome = ${status.nan}u; place = nan; }
  else if (likeliest.key <= lowest) { outcome = ${status.noNumber}u; }
  else if (likeliest.key == 0xff800000u) { outcome = ${status.infinite}u; place = likeliest.token; }
  else if (first.key >= 0xff800000u) { outcome = ${status.infinite}u; place = first.token; }
  else if (first.key <= lowest) { outcome = ${status.noneLeft}u; }
  if (outcome != ${status.chosen}u) {
    if (local == 0u) {
      results[row.result] = 0u;
      results[row.result + 1u] = outcome;
      results[row.result + 3u] = place;
      tokens[2u * row.token] = 0u;
      tokens[2u * row.token + 1u] = 0u;
    }
    return;
  }

  var chosen = first.token;
  if (row.temperature > 0.0) { chosen = draw(row, first, local); }

  if (row.likeliest > 0u) {
    let largest = float_of(likeliest.key);
    var sum = 0.0;
    for (var token = local; token < vocabulary; token += ${width}u) {
      let bits = logit_bits(row, token);
      if (bits != 0xff800000u) { sum += exp(bitcast<f32>(bits) - largest); }
    }
    workgroupBarrier();
    let log_sum = largest + log(sum_of(sum, local));
    if (local == 0u) {
      results[row.result + 2u] = bitcast<u32>(bitcast<f32>(logit_bits(row, chosen)) - log_sum);
    }
    var last = likeliest;
    for (var rank = 1u; rank < row.likeliest; rank++) {
      if (local == 0u) {
        let at = row.result + ${resultWords - 2}u + 2u * rank;
        results[at] = last.token;
        results[at + 1u] = bitcast<u32>(float_of(last.key) - log_sum);
      }
      var next = Best(0u, 0xffffffffu);
      for (var token = local; token < vocabulary; token += ${width}u) {
        let here = Best(key_of(logit_bits(row, token)), token);
        if (is_before(last, here) && is_before(here, next)) { next = here; }
      }
      workgroupBarrier();
      last = best_of(next, local);
    }
  }

  if (local == 0u) {
    results[row.result] = chosen;
    results[row.result + 1u] = ${status.chosen}u;
    tokens[2u * row.token] = chosen;
    tokens[2u * row.token + 1u] = 0u;
    if ((row.flags & ${flag.adds}u) != 0u) { tables[row.table + chosen] += 1u; }
  }
}
`
