import { chromium } from "playwright";
import { chromiumOptions } from "../../../scripts/chromium-options.mjs";

/** Opens a browser. */
export function launchChromium() {
  return chromium.launch(chromiumOptions);
}
