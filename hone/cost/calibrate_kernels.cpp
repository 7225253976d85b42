#include "hone/cost/calibrate_kernels.h"

#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__x86_64__) && defined(__GNUC__)
#define HONE_X86 1
#include <immintrin.h>
#endif

namespace hone::cost {
namespace {

#if defined(__GNUC__)
#define HONE_ALWAYS inline __attribute__((always_inline))
#else
#define HONE_ALWAYS inline
#endif

/// T in vectors of `bytes`.
template <typename T, int bytes>
struct Vector {
  typedef T type __attribute__((vector_size(bytes)));
};

/// `chains` independent chains of multiply-adds: as many as registers hold, so that neither latency nor
/// memory counts. Numbers stay where they are neither denormal nor infinite.
template <typename T, int bytes, int chains>
HONE_ALWAYS double multiply_add(std::size_t rounds) {
  using V = typename Vector<T, bytes>::type;
  V sums[chains];
  V left, right;
  for (int lane = 0; lane < bytes / static_cast<int>(sizeof(T)); ++lane) {
    left[lane] = std::is_integral_v<T> ? static_cast<T>(3) : static_cast<T>(0.5);
    right[lane] = static_cast<T>(1 + lane);
  }
  for (int i = 0; i < chains; ++i) sums[i] = right * static_cast<T>(i + 1);
  for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < chains; ++i) {
      // The compiler must not know that the product is the same every time.
#if defined(HONE_X86)
      __asm__ volatile("" : "+x"(left));
#elif defined(__aarch64__)
      __asm__ volatile("" : "+w"(left));
#endif
      sums[i] += left * right;
    }
  }
  double total = 0.0;
  for (int i = 0; i < chains; ++i)
    for (int lane = 0; lane < bytes / static_cast<int>(sizeof(T)); ++lane)
      total += static_cast<double>(sums[i][lane]);
  return total;
}

template <typename T>
constexpr double operations(int bytes, int chains) {
  return 2.0 * chains * bytes / static_cast<double>(sizeof(T));
}

template <int bytes>
HONE_ALWAYS long sum_all(const char* data, std::size_t size) {
  using V = typename Vector<long, bytes>::type;
  constexpr std::size_t kAhead = 8;
  V sums[kAhead];
  for (V& sum : sums) sum = V{};
  for (std::size_t at = 0; at + kAhead * bytes <= size; at += kAhead * bytes)
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kAhead; ++i) {
      V part;
      std::memcpy(&part, data + at + i * bytes, bytes);
      sums[i] += part;
    }
  long total = 0;
  for (const V& sum : sums)
    for (int lane = 0; lane < bytes / static_cast<int>(sizeof(long)); ++lane) total += sum[lane];
  return total;
}

double plain_f64(std::size_t rounds) { return multiply_add<double, 16, 8>(rounds); }
double plain_f32(std::size_t rounds) { return multiply_add<float, 16, 8>(rounds); }
double plain_i32(std::size_t rounds) { return multiply_add<std::uint32_t, 16, 8>(rounds); }
long plain_read(const char* data, std::size_t size) { return sum_all<16>(data, size); }

#if defined(HONE_X86)
#define HONE_V3 __attribute__((target("avx2,fma")))
#define HONE_V4 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))

HONE_V3 double v3_f64(std::size_t rounds) { return multiply_add<double, 32, 12>(rounds); }
HONE_V3 double v3_f32(std::size_t rounds) { return multiply_add<float, 32, 12>(rounds); }
HONE_V3 double v3_i32(std::size_t rounds) { return multiply_add<std::uint32_t, 32, 12>(rounds); }
HONE_V3 long v3_read(const char* data, std::size_t size) { return sum_all<32>(data, size); }
HONE_V4 double v4_f64(std::size_t rounds) { return multiply_add<double, 64, 16>(rounds); }
HONE_V4 double v4_f32(std::size_t rounds) { return multiply_add<float, 64, 16>(rounds); }
HONE_V4 double v4_i32(std::size_t rounds) { return multiply_add<std::uint32_t, 64, 16>(rounds); }
HONE_V4 long v4_read(const char* data, std::size_t size) { return sum_all<64>(data, size); }

/// 64 products of bytes, summed by fours into 16 integers, an instruction.
__attribute__((target("avx512f,avx512vnni"))) double vnni_i8(std::size_t rounds) {
  __m512i sums[16];
  for (int i = 0; i < 16; ++i) sums[i] = _mm512_set1_epi32(i);
  const __m512i left = _mm512_set1_epi8(3), right = _mm512_set1_epi8(2);
  for (std::size_t round = 0; round < rounds; ++round)
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      sums[i] = _mm512_dpbusd_epi32(sums[i], left, right);
      __asm__ volatile("" : "+x"(sums[i]));
    }
  double total = 0.0;
  for (int i = 0; i < 16; ++i) {
    alignas(64) std::int32_t lanes[16];
    _mm512_store_si512(reinterpret_cast<__m512i*>(lanes), sums[i]);
    for (const std::int32_t lane : lanes) total += lane;
  }
  return total;
}

/// The same by three instructions of AVX2 for 32 products.
HONE_V3 double v3_i8(std::size_t rounds) {
  __m256i sums[8];
  for (int i = 0; i < 8; ++i) sums[i] = _mm256_set1_epi32(i);
  __m256i left = _mm256_set1_epi8(3);
  const __m256i right = _mm256_set1_epi8(2), ones = _mm256_set1_epi16(1);
  for (std::size_t round = 0; round < rounds; ++round)
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      __asm__ volatile("" : "+x"(left));
      sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(_mm256_maddubs_epi16(left, right), ones));
    }
  double total = 0.0;
  for (int i = 0; i < 8; ++i) {
    alignas(32) std::int32_t lanes[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), sums[i]);
    for (const std::int32_t lane : lanes) total += lane;
  }
  return total;
}

bool has_v4() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool has_v3() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif

}  // namespace

std::vector<PeakKernel> peak_kernels() {
#if defined(HONE_X86)
  if (has_v3() || has_v4()) {
    const bool wide = has_v4();
    const int bytes = wide ? 64 : 32, chains = wide ? 16 : 12;
    std::vector<PeakKernel> list{{"f64", wide ? v4_f64 : v3_f64, operations<double>(bytes, chains)},
                                 {"f32", wide ? v4_f32 : v3_f32, operations<float>(bytes, chains)},
                                 {"i32", wide ? v4_i32 : v3_i32, operations<std::int32_t>(bytes, chains)}};
    if (wide && __builtin_cpu_supports("avx512vnni"))
      list.push_back({"i8", vnni_i8, 2.0 * 64 * 16});
    else
      list.push_back({"i8", v3_i8, 2.0 * 32 * 8});
    return list;
  }
#endif
  return {{"f64", plain_f64, operations<double>(16, 8)},
          {"f32", plain_f32, operations<float>(16, 8)},
          {"i32", plain_i32, operations<std::int32_t>(16, 8)}};
}

long read_bytes(const char* data, std::size_t bytes) {
#if defined(HONE_X86)
  static const auto reader = has_v4() ? v4_read : has_v3() ? v3_read : plain_read;
  return reader(data, bytes);
#else
  return plain_read(data, bytes);
#endif
}

std::string instruction_set() {
#if defined(HONE_X86)
  return has_v4() ? "x86-64-v4" : has_v3() ? "x86-64-v3" : "x86-64";
#else
  return "generic";
#endif
}

}  // namespace hone::cost
