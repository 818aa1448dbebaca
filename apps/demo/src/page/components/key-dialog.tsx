import { useLayoutEffect, useRef } from "preact/hooks";
import { isKeyWanted, setServerKey } from "../server-key";

/** Asks for the server's key when the server does. */
export function KeyDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const isOpen = isKeyWanted.value;
  useLayoutEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  return (
    <dialog ref={dialog} class="key-dialog" aria-labelledby="key-title" onCancel={dismiss}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setServerKey(field.current?.value ?? "");
        }}
      >
        <h2 id="key-title">This server asks for a key</h2>
        <p>It is the one that the server was started with. This tab keeps it until it is closed.</p>
        <label for="server-key">
          Key
          <input id="server-key" ref={field} type="password" autocomplete="off" required />
        </label>
        <div class="dialog-actions">
          <button type="button" class="quiet-button" onClick={dismiss}>
            Not now
          </button>
          <button type="submit" class="primary-button">
            Use it
          </button>
        </div>
      </form>
    </dialog>
  );
}

function dismiss(): void {
  isKeyWanted.value = false;
}
