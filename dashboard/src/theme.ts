// Light, dark, or as the system has it; remembered by the browser.
import { signal } from "@preact/signals";

const KEY = "staunch-theme";
const ALL = ["system", "light", "dark"] as const;
export type Theme = (typeof ALL)[number];

const read = (): Theme => {
  try {
    return ALL.find((theme) => theme === localStorage.getItem(KEY)) ?? "system";
  } catch {
    return "system";
  }
};

export const theme = signal<Theme>(read());
const show = () => {
  document.documentElement.dataset.theme = theme.value;
};
show();

export function nextTheme() {
  theme.value = ALL[(ALL.indexOf(theme.value) + 1) % ALL.length]!;
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // A browser that keeps nothing shows it none the less.
  }
  show();
}
