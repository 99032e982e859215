/* What the scripts of the review desk and the labelling tool share. */
export function make(tag, options = {}, ...children) {
    const {data = {}, aria = {}, ...rest} = options;
    const element = Object.assign(document.createElement(tag), rest);
    Object.assign(element.dataset, data);
    for (const [name, value] of Object.entries(aria)) element.setAttribute(`aria-${name}`, value);
    element.append(...children);
    return element;
}

export function button(text, act, more = {}) {
    const made = make("button", {type: "button", className: "btn small", ...more}, text);
    made.addEventListener("click", act);
    return made;
}

export const isTyping = (target) => Boolean(target.closest("input:not([type=radio]):not([type=checkbox]), textarea:not([aria-readonly]), select, dialog"));

export const keysAllowed = () => document.body.dataset.keys !== "off" && localStorage.getItem("workbench.keys") !== "off";
