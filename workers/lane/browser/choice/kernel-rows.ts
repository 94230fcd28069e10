import { flag, parameterWords, seenBit, width } from './kernel-layout.ts'

/** A row's parameters, its logits, and the largest or the sum of what all invocations of a row have. */
export const rowFunctions = (type: 'float32' | 'float16') => /* wgsl */ `
struct Row {
  logits: u32, flags: u32, table: u32, mask: u32,
  temperature: f32, top_k: u32, top_p: f32, min_below: f32,
  repetition: f32, presence: f32, frequency: f32, before: u32,
  between: u32, likeliest: u32, result: u32, token: u32,
  proposed: u32, proposed_count: u32,
}

struct Best { key: u32, token: u32 }

var<workgroup> keys: array<u32, ${width}>;
var<workgroup> found: array<u32, ${width}>;
var<workgroup> sums: array<f32, ${width}>;

fn input_f32(at: u32) -> f32 { return bitcast<f32>(inputs[at]); }

fn read_row(at: u32) -> Row {
  let base = at * ${parameterWords}u;
  return Row(
    inputs[base], inputs[base + 1u], inputs[base + 2u], inputs[base + 3u],
    input_f32(base + 4u), inputs[base + 5u], input_f32(base + 6u), input_f32(base + 7u),
    input_f32(base + 8u), input_f32(base + 9u), input_f32(base + 10u), inputs[base + 11u],
    inputs[base + 12u], inputs[base + 13u], inputs[base + 14u], inputs[base + 15u],
    inputs[base + 16u], inputs[base + 17u],
  );
}

/** The bits of a token's logit as a 32-bit float. */
fn logit_bits(row: Row, token: u32) -> u32 {
  let at = row.logits * vocabulary + token;
  ${type === 'float16' ? halfBits : 'return logits[at];'}
}

fn is_nan(bits: u32) -> bool { return (bits & 0x7fffffffu) > 0x7f800000u; }

/** In the order of the floats; both zeros have the same. */
fn key_of(bits: u32) -> u32 {
  if (bits == 0x80000000u) { return bits; }
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

fn float_of(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & 0x7fffffffu, (key >> 31u) == 1u));
}

/** The key of a token's logit with mask, bias and penalties. */
fn changed_key(row: Row, token: u32) -> u32 {
  if ((row.flags & ${flag.mask}u) != 0u && ((inputs[row.mask + (token >> 5u)] >> (token & 31u)) & 1u) == 0u) {
    return lowest;
  }
  let bits = logit_bits(row, token);
  if ((row.flags & ${flag.counts | flag.bias}u) == 0u || (bits & 0x7f800000u) == 0x7f800000u) { return key_of(bits); }
  var value = bitcast<f32>(bits);
  if ((row.flags & ${flag.bias}u) != 0u) {
    let bias = tables[row.table + vocabulary + token];
    if (bias == 0xff800000u) { return lowest; }
    value += bitcast<f32>(bias);
  }
  if ((row.flags & ${flag.counts}u) != 0u) {
    var seen = tables[row.table + token];
    for (var at = 0u; at < row.proposed_count; at++) {
      if (inputs[row.proposed + at] == token) { seen = (seen | ${seenBit}u) + 1u; }
    }
    if (seen != 0u) {
      value = select(value * row.repetition, value / row.repetition, value > 0.0);
      let times = seen & ${seenBit - 1}u;
      if (times > 0u) { value -= row.presence + f32(times) * row.frequency; }
    }
  }
  return key_of(bitcast<u32>(value));
}

fn is_before(one: Best, other: Best) -> bool {
  return one.key > other.key || (one.key == other.key && one.token < other.token);
}

/** The best of all invocations: the largest key, and of equal ones the first token. */
fn best_of(mine: Best, local: u32) -> Best {
  keys[local] = mine.key;
  found[local] = mine.token;
  for (var step = ${width / 2}u; step > 0u; step >>= 1u) {
    workgroupBarrier();
    if (local < step && is_before(Best(keys[local + step], found[local + step]), Best(keys[local], found[local]))) {
      keys[local] = keys[local + step];
      found[local] = found[local + step];
    }
  }
  let best = Best(workgroupUniformLoad(&keys[0]), workgroupUniformLoad(&found[0]));
  return best;
}

fn sum_of(mine: f32, local: u32) -> f32 {
  sums[local] = mine;
  for (var step = ${width / 2}u; step > 0u; step >>= 1u) {
    workgroupBarrier();
    if (local < step) { sums[local] += sums[local + step]; }
  }
  return workgroupUniformLoad(&sums[0]);
}
`

const halfBits = `let pair = unpack2x16float(logits[at >> 1u]);
  return bitcast<u32>(select(pair.x, pair.y, (at & 1u) == 1u));`
