/** The demo page: which captions of a clip fit, why, how to teach a model what it gets wrong, how good it is, what it finds. */

import { startClipPanel } from "./clip_panel.js";
import { element } from "./dom.js";
import { evaluateView } from "./evaluate/view.js";
import { explainView } from "./explain/view.js";
import { startModelPanel } from "./model_panel.js";
import { scoreView } from "./score/view.js";
import { searchView } from "./search/view.js";
import { tuneView } from "./tune/view.js";
import { startViews } from "./views.js";
import { cancelWork, isWorking } from "./work.js";

element("cancel", HTMLButtonElement).addEventListener("click", cancelWork);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && isWorking()) cancelWork();
});
element("skip", HTMLAnchorElement).addEventListener("click", (event) => {
  // The address names the view; a jump inside the page must not change it.
  event.preventDefault();
  element("views", HTMLDivElement).focus();
});

startViews([scoreView, explainView, tuneView, evaluateView, searchView]);
startClipPanel();
startModelPanel();
