import { Monitor, Moon, Sun } from "lucide-react";
import { useStored } from "@/lib/stored";
import { applyTheme, readTheme, type Theme } from "@/lib/theme";
import { IconButton } from "@/parts/button";

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const SIGNS = { system: Monitor, light: Sun, dark: Moon };

/** How the page looks, kept in this browser. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  const [text, setText] = useStored("theme");
  return [
    readTheme(text),
    (theme) => {
      setText(theme === "system" ? null : theme);
      applyTheme(theme);
    },
  ];
}

export function ThemeButton() {
  const [theme, setTheme] = useTheme();
  const Sign = SIGNS[theme];
  return (
    <IconButton
      label={`Look: ${theme}. Change to ${NEXT[theme]}`}
      onClick={() => setTheme(NEXT[theme])}
      icon={<Sign size={16} />}
    />
  );
}
