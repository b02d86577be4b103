// The width that a drawn chart has, followed as the window changes.

import { useEffect, useRef, useState } from "react";

export function useWidth(): [React.RefObject<HTMLDivElement | null>, number] {
  const holder = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(480);
  useEffect(() => {
    const place = holder.current;
    if (!place) return;
    const watcher = new ResizeObserver(() => setWidth(Math.max(240, place.clientWidth)));
    watcher.observe(place);
    return () => watcher.disconnect();
  }, []);
  return [holder, width];
}
