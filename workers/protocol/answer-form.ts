/** Forms of texts that have parts. Their names are those of xgrammar's structural tags. Types only. */
import type { TextFormat } from '../../models/core/text-format.ts'

/** The form of an answer: a format, or parts of other forms. */
export type AnswerForm =
  | TextFormat
  | Tag
  /** Any text up to the end of the tag around it. */
  | { readonly type: 'any_text' }
  | { readonly type: 'sequence'; readonly elements: readonly AnswerForm[] }
  | { readonly type: 'or'; readonly elements: readonly AnswerForm[] }
  /** Tags alone, with a text between two of them. */
  | (Tags & {
      readonly type: 'tags_with_separator'
      readonly separator: string
      readonly at_least_one: true
    })
  /** Any text, in which a trigger is always the beginning of a tag. */
  | (Tags & { readonly type: 'triggered_tags'; readonly triggers: readonly string[] })

/** A part between two texts. */
export interface Tag {
  readonly type: 'tag'
  readonly begin: string
  readonly content: AnswerForm
  /** May be empty where the content has an end of its own. */
  readonly end: string
}

interface Tags {
  readonly tags: readonly Tag[]
  /** Whether the text ends with the first tag. */
  readonly stop_after_first: boolean
}
