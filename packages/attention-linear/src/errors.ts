import { XError } from "@x/tensor";

/** A setting that an attention function does not take. */
export class AttentionOptionError extends XError {
  readonly code = "ATTENTION_OPTION";
}
