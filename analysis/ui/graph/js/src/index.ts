// The widget's module as anywidget loads it.
import type { Model } from "./types";
import { View } from "./view";

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const view = new View(model, el);
  return () => view.destroy();
}

export default { render };
