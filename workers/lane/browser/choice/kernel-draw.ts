import { flag, width } from './kernel-layout.ts'

/** Top-p sums by bucket, as `sampling/thresholds.ts` does: so many for each nat below the likeliest, so deep. */
const buckets = { perNat: 32, depth: 32, parts: 1024 }

/**
 * A draw among the tokens that pass the filters, by the noise of `sampling/noise.ts`. Its logarithms are computed to
 * seven digits: WGSL's own has an error of 5e-7, too much beside one.
 */
export function drawFunctions(vocabulary: number): string {
  // Sums of shares in whole numbers: as fine as they can be without an overflow.
  const scale = Math.min(2 ** 22, Math.floor(2 ** 32 / (vocabulary + 1)))
  return /* wgsl */ `
const bucketCount = ${buckets.perNat * buckets.depth + 1}u;

var<workgroup> counts: array<atomic<u32>, ${Math.max(buckets.perNat * buckets.depth + 1, buckets.parts)}>;
var<workgroup> shared_a: u32;
var<workgroup> shared_b: u32;
var<workgroup> shared_sum: f32;

fn mix(bits: u32) -> u32 {
  var mixed = (bits ^ (bits >> 16u)) * 0x85ebca6bu;
  mixed = (mixed ^ (mixed >> 13u)) * 0xc2b2ae35u;
  return mixed ^ (mixed >> 16u);
}

fn noise_bits(row: Row, token: u32) -> u32 {
  return mix(mix(token * 0x9e3779b1u + row.before) ^ row.between);
}

fn gumbel(bits: u32) -> f32 {
  var exponential: f32;
  if (bits >= 0x80000000u) {
    // The logarithm of one less a little, by a series: the little part has all its digits.
    let rest = (f32(~bits) + 0.5) * ${2 ** -32};
    let s = rest / (2.0 - rest);
    let q = s * s;
    exponential = 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0))))));
  } else {
    exponential = -log((f32(bits) + 0.5) * ${2 ** -32});
  }
  return -log(exponential);
}

fn clear_counts(local: u32) {
  workgroupBarrier();
  for (var at = local; at < bucketCount; at += ${width}u) { atomicStore(&counts[at], 0u); }
  workgroupBarrier();
}

/** The key of the k-th largest logit, by its bytes from the first on. */
fn top_k_key(row: Row, local: u32) -> u32 {
  var prefix = 0u;
  var left = row.top_k;
  for (var round = 0u; round < 4u; round++) {
    let shift = 24u - 8u * round;
    clear_counts(local);
    for (var token = local; token < vocabulary; token += ${width}u) {
      let key = changed_key(row, token);
      if (round == 0u || (key >> (shift + 8u)) == prefix) { atomicAdd(&counts[(key >> shift) & 255u], 1u); }
    }
    workgroupBarrier();
    if (local == 0u) {
      var above = 0u;
      var byte = 255u;
      loop {
        let here = atomicLoad(&counts[byte]);
        if (above + here >= left || byte == 0u) { break; }
        above += here;
        byte -= 1u;
      }
      shared_a = (prefix << 8u) | byte;
      shared_b = left - above;
    }
    prefix = workgroupUniformLoad(&shared_a);
    left = workgroupUniformLoad(&shared_b);
  }
  return prefix;
}

/** How far a logit is below the largest, in parts of a bucket. */
fn parts_below(row: Row, key: u32, largest: f32) -> u32 {
  let below = (largest - float_of(key)) / row.temperature;
  return u32(min(below, ${buckets.depth}.0) * ${buckets.perNat * buckets.parts}.0);
}

fn share(below: f32) -> u32 { return u32(exp(-below) * ${scale}.0 + 0.5); }

/** The parts below the largest at which the likeliest tokens have their share of the probability. */
fn top_p_parts(row: Row, least: u32, largest: f32, local: u32) -> u32 {
  clear_counts(local);
  for (var token = local; token < vocabulary; token += ${width}u) {
    let key = changed_key(row, token);
    if (key < least || key == lowest) { continue; }
    let below = (largest - float_of(key)) / row.temperature;
    if (below > ${buckets.depth}.0) { continue; }
    let bucket = parts_below(row, key, largest) / ${buckets.parts}u;
    atomicAdd(&counts[bucket], share(below - f32(bucket) / ${buckets.perNat}.0));
  }
  workgroupBarrier();
  if (local == 0u) {
    var total = 0.0;
    for (var at = 0u; at < bucketCount; at++) {
      total += f32(atomicLoad(&counts[at])) * exp(-f32(at) / ${buckets.perNat}.0);
    }
    let aim = row.top_p * total;
    var reached = 0.0;
    var border = 0u;
    loop {
      let here = f32(atomicLoad(&counts[border])) * exp(-f32(border) / ${buckets.perNat}.0);
      if (reached + here >= aim || border == bucketCount - 1u) { break; }
      reached += here;
      border += 1u;
    }
    shared_a = border;
    shared_sum = (aim - reached) * exp(f32(border) / ${buckets.perNat}.0);
  }
  let border = workgroupUniformLoad(&shared_a);
  let missing = workgroupUniformLoad(&shared_sum);
  clear_counts(local);
  for (var token = local; token < vocabulary; token += ${width}u) {
    let key = changed_key(row, token);
    if (key < least || key == lowest) { continue; }
    let parts = parts_below(row, key, largest);
    if (parts / ${buckets.parts}u != border) { continue; }
    let below = (largest - float_of(key)) / row.temperature;
    atomicAdd(&counts[parts % ${buckets.parts}u], share(below - f32(border) / ${buckets.perNat}.0));
  }
  workgroupBarrier();
  if (local == 0u) {
    var reached = 0.0;
    var part = 0u;
    var last = 0u;
    loop {
      let here = atomicLoad(&counts[part]);
      if (here > 0u) { last = part; }
      reached += f32(here);
      if (reached >= missing || part == ${buckets.parts - 1}u) { break; }
      part += 1u;
    }
    shared_b = border * ${buckets.parts}u + last;
  }
  return workgroupUniformLoad(&shared_b);
}

/** A draw among the tokens that pass the filters; \`first\` is the likeliest. */
fn draw(row: Row, first: Best, local: u32) -> u32 {
  let largest = float_of(first.key);
  var least = lowest + 1u;
  if (row.top_k > 0u && row.top_k < vocabulary) { least = max(least, top_k_key(row, local)); }
  var parts = 0xffffffffu;
  if (row.top_p < 1.0) { parts = top_p_parts(row, least, largest, local); }
  var mine = Best(0u, 0xffffffffu);
  var best = select(-3.0e38, gumbel(noise_bits(row, first.token)), local == 0u);
  if (local == 0u) { mine = Best(key_of(bitcast<u32>(best)), first.token); }
  for (var token = local; token < vocabulary; token += ${width}u) {
    let key = changed_key(row, token);
    if (key < least || token == first.token) { continue; }
    let value = float_of(key);
    if ((row.flags & ${flag.minP}u) != 0u && largest - value > row.min_below) { continue; }
    if (row.top_p < 1.0 && parts_below(row, key, largest) > parts) { continue; }
    let score = (value - largest) / row.temperature;
    let bits = noise_bits(row, token);
    // A bound of the noise, much cheaper.
    if (score + f32(countLeadingZeros(~bits) + 1u) * ${Math.LN2} <= best) { continue; }
    let drawn = score + gumbel(bits);
    best = max(best, drawn);
    let candidate = Best(key_of(bitcast<u32>(drawn)), token);
    if (is_before(candidate, mine)) { mine = candidate; }
  }
  return best_of(mine, local).token;
}
`
}
