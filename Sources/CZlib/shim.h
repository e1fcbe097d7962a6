#ifndef HONUA_CZLIB_SHIM_H
#define HONUA_CZLIB_SHIM_H

#include <zlib.h>

// The functions below are macros in zlib, which Swift cannot see. 15 is the largest window, 16 more asks for the
// header and the checksum of gzip.

static inline int czlib_deflate_init(z_stream *stream) {
    return deflateInit2(stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

static inline int czlib_inflate_init(z_stream *stream) {
    return inflateInit2(stream, 15 + 16);
}

#endif
