import { SpillwayError } from '../../models/core/error.ts'

/** Pictures are read at this width: more than models read, and little to hold. */
const width = 640

/**
 * A picture of a file at a moderate size. It is decoded and scaled off the page's thread, also one of 50 megapixels.
 *
 * @throws SpillwayError `input_value_invalid` where the browser cannot read it.
 */
export async function readPicture(file: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, { resizeWidth: width, resizeQuality: 'medium' })
  } catch (cause) {
    throw new SpillwayError(
      'input_value_invalid',
      'The file is no picture that this browser reads',
      { expected: 'a picture, such as PNG, JPEG or WebP', got: file.type || 'a file without a type' },
      { cause },
    )
  }
}
