// Text that goes into HTML or SVG: names of folders, data sets and devices come from outside.

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** The text with every character that HTML or SVG gives a meaning replaced by its entity. Safe inside quoted attributes. */
export function escapeMarkup(text: string): string {
  // XML allows no control characters but tab and line ends, not even as entities.
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!).replace(/[^\P{Cc}\t\n\r]/gu, '\ufffd');
}
