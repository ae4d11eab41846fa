import type { Attachment } from 'svelte/attachments';

/**
 * Makes a list one stop for the Tab key: arrow keys, Home and End move within it, and who comes
 * back finds the place that was left. Up and down follow the picture, so that a grid works too.
 */
export function roving(selector: string): Attachment<HTMLElement> {
  return (list) => {
    let current: HTMLElement | null = null;
    const items = () => [...list.querySelectorAll<HTMLElement>(selector)];

    function settle(): void {
      const all = items();
      if (!current || !all.includes(current)) {
        current = all.find((item) => item.getAttribute('aria-current') !== null) ?? all[0] ?? null;
      }
      for (const item of all) {
        const wanted = item === current ? 0 : -1;
        if (item.tabIndex !== wanted) item.tabIndex = wanted;
      }
    }

    function onfocusin({ target }: FocusEvent): void {
      const item = target instanceof Element ? target.closest<HTMLElement>(selector) : null;
      if (!item) return;
      current = item;
      settle();
    }

    function onkeydown(event: KeyboardEvent): void {
      if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      const { target } = event;
      const item = target instanceof Element ? target.closest<HTMLElement>(selector) : null;
      const next = item && neighbour(items(), item, event.key);
      if (!next) return;
      event.preventDefault();
      next.focus();
    }

    settle();
    const observer = new MutationObserver(settle);
    observer.observe(list, { childList: true, subtree: true });
    list.addEventListener('focusin', onfocusin);
    list.addEventListener('keydown', onkeydown);
    return () => {
      observer.disconnect();
      list.removeEventListener('focusin', onfocusin);
      list.removeEventListener('keydown', onkeydown);
    };
  };
}

/** Where a key leads from an item; to itself at the end of the list. */
function neighbour(all: HTMLElement[], from: HTMLElement, key: string): HTMLElement | null {
  const at = all.indexOf(from);
  switch (key) {
    case 'ArrowRight':
      return all[at + 1] ?? from;
    case 'ArrowLeft':
      return all[at - 1] ?? from;
    case 'ArrowDown':
      return nearest(all.slice(at + 1), from, (own, other) => other.top >= own.bottom - 1);
    case 'ArrowUp':
      return nearest(all.slice(0, at).reverse(), from, (own, other) => other.bottom <= own.top + 1);
    case 'Home':
      return all[0] ?? null;
    case 'End':
      return all.at(-1) ?? null;
    default:
      return null;
  }
}

/** Of the first line beyond, the item that lies closest. */
function nearest(
  candidates: HTMLElement[],
  from: HTMLElement,
  beyond: (own: DOMRect, other: DOMRect) => boolean,
): HTMLElement {
  const own = from.getBoundingClientRect();
  let best = from;
  let line: DOMRect | null = null;
  let distance = Infinity;
  for (const candidate of candidates) {
    const rect = candidate.getBoundingClientRect();
    if (!beyond(own, rect)) continue;
    line ??= rect;
    if (rect.top >= line.bottom || rect.bottom <= line.top) break;
    const off = Math.abs(rect.left + rect.width / 2 - own.left - own.width / 2);
    if (off >= distance) continue;
    distance = off;
    best = candidate;
  }
  return best;
}
