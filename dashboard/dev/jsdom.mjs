// What jsdom lacks and charts ask for while they are loaded.
globalThis.matchMedia ??= () => ({ matches: false, addEventListener() {}, removeEventListener() {} });
