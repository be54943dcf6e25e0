// Small helpers over the document. Text goes in as text, never as HTML.

export function byId<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element #${id}.`);
  return found as T;
}

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: { class?: string; text?: string; title?: string } = {},
  ...children: Node[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  if (properties.class) node.className = properties.class;
  if (properties.text !== undefined) node.textContent = properties.text;
  if (properties.title !== undefined) node.title = properties.title;
  node.append(...children);
  return node;
}

/** Writes only when it changed, so that nothing is laid out in vain. True if it did. */
export function setText(node: HTMLElement, text: string): boolean {
  if (node.textContent === text) return false;
  node.textContent = text;
  return true;
}

/** Tints a cell for a moment: its value has just changed. */
export function tint(node: HTMLElement): void {
  node.classList.remove("tinted");
  void node.offsetWidth;
  node.classList.add("tinted");
}

export interface Fact {
  readonly name: string;
  readonly value: string;
  readonly class?: "bad" | "warn";
}

/** Terms and values of a description list; nodes are kept while the terms are the same. */
export function setFacts(list: HTMLElement, facts: readonly Fact[]): void {
  const terms = [...list.querySelectorAll("dt")].map((term) => term.textContent);
  if (terms.length !== facts.length || facts.some((fact, i) => fact.name !== terms[i])) {
    list.replaceChildren(
      ...facts.flatMap((fact) => [element("dt", { text: fact.name }), element("dd")]),
    );
  }
  list.querySelectorAll("dd").forEach((value, i) => {
    const fact = facts[i];
    if (!fact) return;
    setText(value, fact.value);
    value.className = fact.class ?? "";
  });
}
