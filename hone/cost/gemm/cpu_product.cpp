// A tiled product of matrices on the CPU, whose tiles and registers are the caller's to choose.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <type_traits>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/cost/calibrate_kernels.h"
#include "hone/cost/gemm/product.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define HONE_GEMM_X86 1
#endif

namespace hone::cost {
namespace {

/// Sums of reg_m rows of A's panel by reg_n columns of B's over `depth`, added to C where `add`, else
/// written. Panels hold, for one after the other of k, reg_m numbers of A and reg_n of B.
template <typename T>
using GemmInner = void (*)(const T* a, const T* b, std::int64_t depth, T* c, std::int64_t row, bool add);

#if defined(__GNUC__)
#define HONE_GEMM_INLINE inline __attribute__((always_inline))
#else
#define HONE_GEMM_INLINE inline
#endif

template <typename T, int bytes, int rows, int vectors>
HONE_GEMM_INLINE void gemm_inner(const T* a, const T* b, std::int64_t depth, T* c, std::int64_t row,
                                 bool add) {
  typedef T V __attribute__((vector_size(bytes)));
  constexpr int kLanes = bytes / static_cast<int>(sizeof(T));
  V sums[rows][vectors] = {};
  for (std::int64_t k = 0; k < depth; ++k) {
    V right[vectors];
    std::memcpy(right, b + k * vectors * kLanes, sizeof right);
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) sums[i][j] += a[k * rows + i] * right[j];
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) {
      T* const at = c + i * row + j * kLanes;
      V old = {};
      if (add) std::memcpy(&old, at, sizeof old);
      old += sums[i][j];
      std::memcpy(at, &old, sizeof old);
    }
}

template <typename T, int rows, int vectors>
void gemm_plain(const T* a, const T* b, std::int64_t depth, T* c, std::int64_t row, bool add) {
  gemm_inner<T, 16, rows, vectors>(a, b, depth, c, row, add);
}
#if defined(HONE_GEMM_X86)
template <typename T, int rows, int vectors>
__attribute__((target("avx2,fma"))) void gemm_v3(const T* a, const T* b, std::int64_t depth, T* c,
                                                 std::int64_t row, bool add) {
  gemm_inner<T, 32, rows, vectors>(a, b, depth, c, row, add);
}
template <typename T, int rows, int vectors>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))) void gemm_v4(const T* a, const T* b,
                                                                                    std::int64_t depth, T* c,
                                                                                    std::int64_t row,
                                                                                    bool add) {
  gemm_inner<T, 64, rows, vectors>(a, b, depth, c, row, add);
}
#endif

/// Bytes of a vector here.
int gemm_vector_bytes() {
  const std::string set = instruction_set();
  return set == "x86-64-v4" ? 64 : set == "x86-64-v3" ? 32 : 16;
}

constexpr int kGemmRows[]{1, 2, 4, 6, 8}, kGemmVectors[]{1, 2};

template <typename T, int rows, int vectors>
GemmInner<T> gemm_by_set() {
#if defined(HONE_GEMM_X86)
  if (gemm_vector_bytes() == 64) return gemm_v4<T, rows, vectors>;
  if (gemm_vector_bytes() == 32) return gemm_v3<T, rows, vectors>;
#endif
  return gemm_plain<T, rows, vectors>;
}

template <typename T, int vectors>
GemmInner<T> gemm_by_rows(std::int64_t rows) {
  switch (rows) {
    case 1:
      return gemm_by_set<T, 1, vectors>();
    case 2:
      return gemm_by_set<T, 2, vectors>();
    case 4:
      return gemm_by_set<T, 4, vectors>();
    case 6:
      return gemm_by_set<T, 6, vectors>();
    case 8:
      return gemm_by_set<T, 8, vectors>();
    default:
      return nullptr;
  }
}

/// The loop for these registers; none where there is none.
template <typename T>
GemmInner<T> gemm_loop(std::int64_t reg_m, std::int64_t reg_n) {
  const std::int64_t lanes = gemm_vector_bytes() / static_cast<std::int64_t>(sizeof(T));
  if (reg_n == lanes) return gemm_by_rows<T, 1>(reg_m);
  if (reg_n == 2 * lanes) return gemm_by_rows<T, 2>(reg_m);
  return nullptr;
}

std::size_t gemm_type_size(const std::string& type) {
  if (type == "f32") return 4;
  if (type == "f64") return 8;
  throw Error(fmt::format("hone's own product of matrices has no type '{}'", type), {},
              suggest(type, {"f32", "f64"}));
}

void need_gemm_shape(const GemmShape& shape, const std::string& type) {
  const auto size = static_cast<double>(gemm_type_size(type));
  const auto m = static_cast<double>(shape.m), n = static_cast<double>(shape.n),
             k = static_cast<double>(shape.k);
  if (shape.m < 1 || shape.n < 1 || shape.k < 1 || size * (m * k + k * n + m * n) > 4e9)
    throw Error(fmt::format("a product of {} x {} x {} cannot be measured here", shape.m, shape.n, shape.k),
                {}, "m, n and k are 1 or more, and the three matrices 4 GB together at most");
}

void need_gemm_config(const GemmConfig& config, bool loop) {
  if (!loop)
    throw Error(
        fmt::format("there is no loop for {} x {} sums in registers here", config.reg_m, config.reg_n), {},
        "hone cost gemm measure --help lists them");
  if (config.tile_m < 1 || config.tile_n < 1 || config.tile_k < 1)
    throw Error("a tile of a product of matrices has sizes of 1 or more");
}

std::int64_t whole_steps(std::int64_t size, std::int64_t step) { return (size + step - 1) / step * step; }

}  // namespace

// Not in the anonymous namespace, since a member of CpuGemm::Data is made of it.
namespace gemm_detail {

template <typename T>
class GemmMatrices {
 public:
  GemmMatrices(const GemmShape& shape, std::uint64_t seed) : shape_(shape) {
    Rng rng(seed, "gemm");
    for (auto [matrix, size] : {std::pair{&a_, shape.m * shape.k}, std::pair{&b_, shape.k * shape.n}}) {
      matrix->resize(static_cast<std::size_t>(size));
      for (T& value : *matrix) value = static_cast<T>(rng.uniform(-1.0, 1.0));
    }
    c_.resize(static_cast<std::size_t>(shape.m * shape.n));
  }

  bool run(const GemmConfig& config, const Interrupted& interrupted) {
    const auto [m, n, k] = shape_;
    const std::int64_t rm = config.reg_m, rn = config.reg_n;
    const GemmInner<T> inner = gemm_loop<T>(rm, rn);
    need_gemm_config(config, inner != nullptr);
    const std::int64_t tm = std::min(config.tile_m, m), tn = std::min(config.tile_n, n),
                       tk = std::min(config.tile_k, k);
    reserve(panel_a_, whole_steps(tm, rm) * tk);
    reserve(panel_b_, whole_steps(tn, rn) * tk);
    reserve(edge_, rm * rn);
    T* const panel_a = aligned(panel_a_);
    T* const panel_b = aligned(panel_b_);
    T* const edge = aligned(edge_);
    // Small products are timed, and are not to wait for who is asked.
    constexpr double kAskAfter = 5e7;  // multiplications
    double since = 0.0;
    for (std::int64_t jc = 0; jc < n; jc += tn) {
      const std::int64_t columns = std::min(tn, n - jc);
      for (std::int64_t pc = 0; pc < k; pc += tk) {
        const std::int64_t depth = std::min(tk, k - pc);
        pack_b(panel_b, jc, columns, pc, depth, rn);
        for (std::int64_t ic = 0; ic < m; ic += tm) {
          const std::int64_t rows = std::min(tm, m - ic);
          since += static_cast<double>(rows * columns * depth);
          if (since > kAskAfter) {
            if (interrupted && interrupted()) return false;
            since = 0.0;
          }
          pack_a(panel_a, ic, rows, pc, depth, rm);
          for (std::int64_t j = 0; j < columns; j += rn)
            for (std::int64_t i = 0; i < rows; i += rm) {
              T* const c = c_.data() + (ic + i) * n + jc + j;
              const std::int64_t high = std::min(rm, rows - i), wide = std::min(rn, columns - j);
              if (high == rm && wide == rn) {
                inner(panel_a + i * depth, panel_b + j * depth, depth, c, n, pc > 0);
                continue;
              }
              // At an edge the whole is computed beside C, and what belongs to it added.
              inner(panel_a + i * depth, panel_b + j * depth, depth, edge, rn, false);
              for (std::int64_t y = 0; y < high; ++y)
                for (std::int64_t x = 0; x < wide; ++x)
                  c[y * n + x] = edge[y * rn + x] + (pc > 0 ? c[y * n + x] : T{0});
            }
        }
      }
    }
    return true;
  }

  double error() const {
    double worst = 0.0;
    const auto [m, n, k] = shape_;
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0.0, size = 0.0;
        for (std::int64_t p = 0; p < k; ++p) {
          const double term = static_cast<double>(a_[static_cast<std::size_t>(i * k + p)]) *
                              static_cast<double>(b_[static_cast<std::size_t>(p * n + j)]);
          sum += term;
          size += std::abs(term);
        }
        const double off = std::abs(static_cast<double>(c_[static_cast<std::size_t>(i * n + j)]) - sum);
        worst = std::max(worst, size > 0.0 ? off / size : off);
      }
    return worst;
  }

 private:
  static void reserve(std::vector<T>& room, std::int64_t count) {
    const auto size = static_cast<std::size_t>(count) + 64 / sizeof(T);
    if (room.size() < size) room.resize(size);
  }
  static T* aligned(std::vector<T>& room) {
    const auto off = reinterpret_cast<std::uintptr_t>(room.data()) % 64;
    return room.data() + (off == 0 ? 0 : (64 - off) / sizeof(T));
  }

  /// Panels of rm rows, those beyond the last one 0.
  void pack_a(T* panel, std::int64_t row, std::int64_t rows, std::int64_t first, std::int64_t depth,
              std::int64_t rm) const {
    for (std::int64_t i = 0; i < rows; i += rm)
      for (std::int64_t y = 0; y < rm; ++y) {
        const T* const from = a_.data() + (row + i + y) * shape_.k + first;
        T* const to = panel + i * depth + y;
        if (i + y < rows)
          for (std::int64_t p = 0; p < depth; ++p) to[p * rm] = from[p];
        else
          for (std::int64_t p = 0; p < depth; ++p) to[p * rm] = T{0};
      }
  }

  void pack_b(T* panel, std::int64_t column, std::int64_t columns, std::int64_t first, std::int64_t depth,
              std::int64_t rn) const {
    for (std::int64_t j = 0; j < columns; j += rn) {
      const std::int64_t wide = std::min(rn, columns - j);
      for (std::int64_t p = 0; p < depth; ++p) {
        const T* const from = b_.data() + (first + p) * shape_.n + column + j;
        T* const to = panel + j * depth + p * rn;
        std::copy(from, from + wide, to);
        std::fill(to + wide, to + rn, T{0});
      }
    }
  }

  GemmShape shape_;
  std::vector<T> a_, b_, c_, panel_a_, panel_b_, edge_;
};

}  // namespace gemm_detail

struct CpuGemm::Data {
  std::unique_ptr<gemm_detail::GemmMatrices<float>> f32;
  std::unique_ptr<gemm_detail::GemmMatrices<double>> f64;
};

CpuGemm::CpuGemm(const GemmShape& shape, const std::string& type, std::uint64_t seed) {
  need_gemm_shape(shape, type);
  data_ = std::make_unique<Data>();
  if (gemm_type_size(type) == 4)
    data_->f32 = std::make_unique<gemm_detail::GemmMatrices<float>>(shape, seed);
  else
    data_->f64 = std::make_unique<gemm_detail::GemmMatrices<double>>(shape, seed);
}

CpuGemm::~CpuGemm() = default;

bool CpuGemm::run(const GemmConfig& config, const Interrupted& interrupted) {
  return data_->f32 ? data_->f32->run(config, interrupted) : data_->f64->run(config, interrupted);
}

double CpuGemm::error() const { return data_->f32 ? data_->f32->error() : data_->f64->error(); }

std::vector<std::pair<std::int64_t, std::int64_t>> cpu_gemm_registers(const std::string& type) {
  const auto lanes = gemm_vector_bytes() / static_cast<std::int64_t>(gemm_type_size(type));
  std::vector<std::pair<std::int64_t, std::int64_t>> list;
  for (const int rows : kGemmRows)
    for (const int vectors : kGemmVectors) list.emplace_back(rows, vectors * lanes);
  return list;
}

GemmConfig cpu_gemm_default(const std::string& type) {
  GemmConfig config;
  config.tile_m = 64;
  config.tile_n = 256;
  config.tile_k = 256;
  // 6 x 2 sums, two of B and one of A are within sixteen registers; 8 x 2 want the 32 of AVX-512.
  const auto registers = cpu_gemm_registers(type);
  const auto [reg_m, reg_n] = registers[registers.size() - (gemm_vector_bytes() == 64 ? 1 : 3)];
  config.reg_m = reg_m;
  config.reg_n = reg_n;
  return config;
}

void need_cpu_gemm(const GemmShape& shape, const GemmConfig& config, const std::string& type) {
  need_gemm_shape(shape, type);
  const auto loops = cpu_gemm_registers(type);
  need_gemm_config(
      config, std::find(loops.begin(), loops.end(), std::pair{config.reg_m, config.reg_n}) != loops.end());
}

std::string cpu_gemm_device() {
  std::string name = "unknown processor";
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) {
      const std::size_t at = line.find(": ");
      if (at != line.npos) name = line.substr(at + 2);
      break;
    }
  std::replace(name.begin(), name.end(), ',', ' ');  // it stands in a table's cell
  return fmt::format("cpu {} {}", name, instruction_set());
}

}  // namespace hone::cost
