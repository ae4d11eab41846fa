/**
 * The way to the page, when somebody is led to a place on it from outside: what lies over it is closed.
 * Where that holds what somebody has typed, it stays until they close it, and the way is open then.
 */
let waiting: (() => void) | null = null;

/** Clears the way and goes on; false where a dialog stays, and `go` waits for it. The last one wins. */
export function clearWay(go: () => void): boolean {
  waiting = null;
  for (const popover of document.querySelectorAll<HTMLElement>('[popover=auto]:popover-open'))
    popover.hidePopover();
  const dialogs = [...document.querySelectorAll<HTMLDialogElement>('dialog[open]')];
  for (const dialog of dialogs.reverse()) {
    if (holdsInput(dialog)) {
      waiting = go;
      const onclose = () => {
        if (waiting === go) clearWay(go);
      };
      dialog.addEventListener('close', onclose, { once: true });
      return false;
    }
    dialog.close();
  }
  go();
  return true;
}

/** What is chosen in a dialog holds at once; only text waits for a button. A search is soon typed again. */
function holdsInput(dialog: HTMLDialogElement): boolean {
  const texts = 'textarea, input:not([type=checkbox], [type=radio], [type=range], [role=combobox])';
  return [...dialog.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>(texts)].some(
    ({ readOnly, value, defaultValue }) => !readOnly && value !== defaultValue,
  );
}
