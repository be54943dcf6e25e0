#include "base/crc32.h"

#include <bit>
#include <cstddef>
#include <cstring>

#include "base/crc_tables.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tapeline {
namespace {

constexpr size_t kSlices = 16;
constexpr auto kTables = make_crc_tables<kSlices>(0xEDB88320);

static_assert(std::endian::native == std::endian::little, "the words below are read in place");

uint32_t four(uint32_t word, size_t slice) {
  return kTables[slice + 3][word & 0xFF] ^ kTables[slice + 2][(word >> 8) & 0xFF] ^
         kTables[slice + 1][(word >> 16) & 0xFF] ^ kTables[slice][word >> 24];
}

#if defined(__x86_64__)

/// Below this the tables are as good.
constexpr size_t kFoldedLeast = 64;

__attribute__((target("pclmul,sse4.1"))) __m128i load(const char* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

/// `value` moved up by as many bits as `constants` stand for, on top of `next`.
__attribute__((target("pclmul,sse4.1"))) __m128i fold(__m128i value, __m128i constants,
                                                      __m128i next) {
  return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(value, constants, 0x00),
                                     _mm_clmulepi64_si128(value, constants, 0x11)),
                       next);
}

/// Folds polynomials instead of looking bytes up: "Fast CRC Computation for Generic Polynomials
/// Using PCLMULQDQ Instruction" by Gopal and others (Intel, 2009), whose constants these are for
/// the reflected polynomial. `size` is a multiple of 16, at least kFoldedLeast. `crc` goes in and
/// comes out without its final complement.
__attribute__((target("pclmul,sse4.1"))) uint32_t crc32_folded(const char* at, size_t size,
                                                               uint32_t crc) {
  const __m128i by_512_bits = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  const __m128i by_128_bits = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  const __m128i by_64_bits = _mm_set_epi64x(0, 0x0163cd6124);
  const __m128i barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641);
  const __m128i low_words = _mm_setr_epi32(-1, 0, -1, 0);

  __m128i lanes[4] = {load(at), load(at + 16), load(at + 32), load(at + 48)};
  lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128(static_cast<int>(crc)));
  for (at += 64, size -= 64; size >= 64; at += 64, size -= 64) {
    // Written out, because a loop would keep the lanes in memory.
    lanes[0] = fold(lanes[0], by_512_bits, load(at));
    lanes[1] = fold(lanes[1], by_512_bits, load(at + 16));
    lanes[2] = fold(lanes[2], by_512_bits, load(at + 32));
    lanes[3] = fold(lanes[3], by_512_bits, load(at + 48));
  }

  __m128i sum = lanes[0];
  sum = fold(sum, by_128_bits, lanes[1]);
  sum = fold(sum, by_128_bits, lanes[2]);
  sum = fold(sum, by_128_bits, lanes[3]);
  for (; size >= 16; at += 16, size -= 16) sum = fold(sum, by_128_bits, load(at));

  // 128 bits to 64, to 32 and the remainder by Barrett's reduction.
  sum = _mm_xor_si128(_mm_srli_si128(sum, 8), _mm_clmulepi64_si128(sum, by_128_bits, 0x10));
  sum = _mm_xor_si128(_mm_srli_si128(sum, 4),
                      _mm_clmulepi64_si128(_mm_and_si128(sum, low_words), by_64_bits, 0x00));
  __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(sum, low_words), barrett, 0x10);
  quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, low_words), barrett, 0x00);
  return static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(sum, quotient), 1));
}

bool can_fold() {
  static const bool can = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
  return can;
}

#endif

}  // namespace

uint32_t crc32(std::string_view bytes, uint32_t seed) {
  uint32_t crc = ~seed;
  const char* at = bytes.data();
  size_t left = bytes.size();
#if defined(__x86_64__)
  if (left >= kFoldedLeast && can_fold()) {
    const size_t folded = left & ~size_t{15};
    crc = crc32_folded(at, folded, crc);
    at += folded;
    left -= folded;
  }
#endif
  for (; left >= kSlices; at += kSlices, left -= kSlices) {
    uint32_t words[4];
    std::memcpy(words, at, sizeof words);
    crc = four(words[0] ^ crc, 12) ^ four(words[1], 8) ^ four(words[2], 4) ^ four(words[3], 0);
  }
  for (; left > 0; ++at, --left)
    crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<unsigned char>(*at)) & 0xFF];
  return ~crc;
}

}  // namespace tapeline
