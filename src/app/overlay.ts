/** What lies over the page, if anything does. */
export type Overlay = 'help' | 'palette' | 'settings' | 'recipe' | undefined;
