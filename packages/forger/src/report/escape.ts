// Text that goes into HTML or SVG: names of folders, data sets and devices come from outside.

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * The text with every character that HTML or SVG gives a meaning replaced by its entity. Safe inside quoted attributes.
 */
export function escapeMarkup(text: string): string {
  // XML allows no control characters but tab and line ends, no halves of pairs and no U+FFFE and U+FFFF, not even as
  // entities; changes of direction would turn around what stands beside the name.
  return text
    .replace(/[&<>"']/g, (character) => ENTITIES[character]!)
    .replace(/[^\P{Cc}\t\n\r]|[\p{Cs}\ufffe\uffff\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
}
