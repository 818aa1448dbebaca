import { render } from "preact";
import "./styles/page.css";
import { conversations, startAppState } from "./app-state";
import { App } from "./components/app";
import { focusComposer } from "./components/focus-composer";
import { registerPalette } from "./scheduler/palette";
import { startTheme } from "./theme";

registerPalette();
startTheme();
startAppState();
render(<App />, document.body);
// Where there is a keyboard; on a phone it would cover half of the page.
if (window.matchMedia("(pointer: fine)").matches) focusComposer(conversations.list.peek()[0]);
