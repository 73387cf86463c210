// The strip of what was decided last, newest first: each takes itself and what came after it back.

import { element } from "./dom.js";

const SHOWN = 14;

export function showLast(place, acts, verdicts, undo) {
  place.replaceChildren(...acts.slice(-SHOWN).reverse().map((one, at) => {
    const verdict = verdicts.find((known) => known.key === one.verdict)?.name ?? one.verdict;
    const many = one.count > 1 ? ` × ${one.count}` : "";
    const picture = element("img", { src: one.items[0].preview, alt: one.items[0].name, loading: "lazy" });
    return element("button", { type: "button", title: at === 0 ? "Undo this (z)" : "Undo down to this",
      onclick: () => { for (let step = 0; step <= at; step += 1) undo(); } },
      picture, element("span", {}, `${verdict}${one.concept ? `: ${one.concept}` : ""}${many}`));
  }));
  if (acts.length) place.prepend(element("span", { class: "title" }, "Last"));
}
