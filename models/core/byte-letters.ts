/** GPT-2's letters for bytes, by byte: printable bytes stand for themselves, the others use code points from 256 on. None is white space. */
export const byteLetters: readonly string[] = letters()

function letters(): string[] {
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
    return String.fromCharCode(isPrintable ? byte : next++)
  })
}
