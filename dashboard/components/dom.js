// Small helpers for our components. Text from the catalogue only ever becomes text: there is no innerHTML here.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) made.append(child);
  return made;
}

export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

// Whether a key press belongs to a field that the person is typing in.
export function typing(event) {
  const target = event.composedPath()[0];
  if (!(target instanceof Element)) return false;
  if (target.isContentEditable) return true;
  if (target instanceof HTMLInputElement) return target.type !== "range" && target.type !== "checkbox";
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

// Mounts one object per place on the page. Streamlit calls a component again whenever its data change and the cleanup
// only when it goes, so the object is made once and updated.
export function mounted(kept, component, make) {
  const place = component.parentElement;
  let made = kept.get(place);
  if (made === undefined) {
    made = make(place);
    kept.set(place, made);
  }
  made.update(component);
  return () => {
    made.destroy();
    kept.delete(place);
  };
}

export function remember(name, value) {
  try {
    localStorage.setItem(`benthoscope-${name}`, String(value));
  } catch {
    // A browser that keeps nothing forgets the setting; the page works without it.
  }
}

export function forget(name) {
  try {
    localStorage.removeItem(`benthoscope-${name}`);
  } catch {
    // Nothing was kept.
  }
}

export function recall(name) {
  try {
    return localStorage.getItem(`benthoscope-${name}`);
  } catch {
    return null;
  }
}
