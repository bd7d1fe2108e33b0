/** The doubtful pieces of a cut-out: a small picture of each, and one click to keep or drop it. */

import { html, styled } from "../page/dom.js";

/**
 * Return a list item for each piece, numbered from 1. `answer(id, kept)` gets a person's answer.
 *
 * The service's row of small pictures outlines each piece.
 */
export function pieceRows({ public_id: of, pieces, pieces_url: url }, answer) {
  return pieces.map(({ id, kept, answered }, i) => {
    const choice = (keep, words) => html`
      <label class="segment">
        <input type="radio" name="piece-${of}-${id}" value=${keep ? "keep" : "drop"} checked=${kept === keep}
          onclick=${() => answer(id, keep)} /><span>${words}</span>
      </label>`;
    return html`
      <li class="piece" data-answered=${answered}>
        ${styled(html`<span class="piece-tile"><img src=${url} alt="" /></span>`, { "--at": i })}
        <fieldset class="looks">
          <legend><span class="mark-number" aria-hidden="true">${i + 1}</span> ${`Piece ${i + 1}: part of the product?`}</legend>
          ${choice(true, "Keep")}${choice(false, "Drop")}
        </fieldset>
      </li>`;
  });
}
