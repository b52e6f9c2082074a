package compress

// HeaderChecksum is what an LZ4 frame's header carries for its descriptor.
func HeaderChecksum(descriptor []byte) byte { return byte(xxh32(descriptor) >> 8) }
