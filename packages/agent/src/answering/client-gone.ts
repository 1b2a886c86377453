/** The end of a request whose client is gone: nobody is left to be told. */
export class ClientGone extends Error {}
