// compressions gives kafkajs, which knows gzip alone, the codecs of other
// packages. Snappy comes and goes in the blocks of xerial's snappy-java, as the
// JVM's clients have it.
const xerial = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00, 0, 0, 0, 1, 0, 0, 0, 1])

// lz4js says of its blocks that they depend on each other, which Kafka refuses.
// A frame of these tests has a single block, so it may say the opposite: a flag,
// covered by the checksum of the frame's descriptor.
const independent = 0x20

export async function compressions({ CompressionCodecs, CompressionTypes }, require) {
  const snappy = require('snappyjs')
  const lz4 = require('lz4js')
  const xxh32 = require('lz4js/xxh32.js')
  const zstd = await new Promise((resolve) => require('zstd-codec').ZstdCodec.run((z) => resolve(new z.Simple())))

  CompressionCodecs[CompressionTypes.Snappy] = () => ({
    compress: async (encoder) => {
      const block = Buffer.from(snappy.compress(encoder.buffer))
      const length = Buffer.alloc(4)
      length.writeUInt32BE(block.length)
      return Buffer.concat([xerial, length, block])
    },
    decompress: async (buffer) => {
      const blocks = []
      for (let at = xerial.length; at < buffer.length; ) {
        const end = at + 4 + buffer.readUInt32BE(at)
        blocks.push(snappy.uncompress(buffer.subarray(at + 4, end)))
        at = end
      }
      return Buffer.concat(blocks)
    },
  })
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: async (encoder) => {
      const frame = Buffer.from(lz4.compress(encoder.buffer))
      frame[4] |= independent
      frame[6] = xxh32.hash(0, frame, 4, 2) >> 8
      return frame
    },
    decompress: async (buffer) => Buffer.from(lz4.decompress(buffer)),
  })
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async (encoder) => Buffer.from(zstd.compress(encoder.buffer)),
    decompress: async (buffer) => Buffer.from(zstd.decompress(buffer)),
  })
}
