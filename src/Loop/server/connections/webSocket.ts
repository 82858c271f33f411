/** The last word to a WebSocket, RFC 6455: as its library says it, and as bytes where none is known. */

/** 1001: the server goes away. */
export const GOING_AWAY: [code: number, reason: string] = [1001, "the server is closing"]

/**
 * A whole frame, final and unmasked, as servers send them: a control frame may stand between any two frames. The client answers
 * with its own, to which the program's library sees the end.
 */
export const CLOSE_1001: Uint8Array = Uint8Array.of(0x88, 0x02, GOING_AWAY[0] >> 8, GOING_AWAY[0] & 0xff)

/** Whether a request asks for a WebSocket. */
export const asksForWebSocket = (headers: { readonly upgrade?: string | undefined }): boolean =>
  headers.upgrade?.toLowerCase() === "websocket"
