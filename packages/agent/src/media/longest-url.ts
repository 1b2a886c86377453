/**
 * Characters of a URL that is looked at. RFC 9110, 4.1, asks for 8000 to be supported, and no server has to take more; a
 * text of megabytes is no URL, and takes long to be read as one.
 */
export const LONGEST_URL = 8000;
