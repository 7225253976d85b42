#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hone::task::bbob {

/// What the 24 functions are made of: Hansen, Finck, Ros and Auger, "Real-Parameter Black-Box Optimization
/// Benchmarking 2009: Noiseless Functions Definitions", INRIA RR-6829. Its random numbers are reproduced, so
/// that instances are those of the COCO platform.

/// Uniform numbers in (0, 1): Park and Miller's generator, shuffled (Bays and Durham) over 32 places.
std::vector<double> uniform(std::size_t n, std::int64_t seed);
/// Standard normal numbers made of 2 n of those (Box and Muller, cosine branch).
std::vector<double> normal(std::size_t n, std::int64_t seed);

/// A square matrix by rows.
struct Matrix {
  std::size_t size = 0;
  std::vector<double> values;
  double at(std::size_t row, std::size_t column) const { return values[row * size + column]; }
  std::vector<double> operator*(std::span<const double> x) const;
};
/// A random rotation: Gram and Schmidt on normal numbers.
Matrix rotation(std::size_t dimension, std::int64_t seed);

/// The optimum's place in [-4, 4], by steps of 0.0008.
std::vector<double> optimum_place(std::size_t dimension, std::int64_t seed);
/// The optimum's value: Cauchy, rounded to hundredths, within -1000 to 1000.
double optimum_value(int function, std::uint64_t instance);
/// The seed of a function's instance; functions 4 and 18 share those of 3 and 17.
std::int64_t seed_of(int function, std::uint64_t instance);

// The transformations of section 0.2, in place.
void oscillate(std::vector<double>& x);                     ///< T_osz
double oscillated(double x);                                ///< T_osz of a number
void make_asymmetric(std::vector<double>& x, double beta);  ///< T_asy^beta
void condition(std::vector<double>& x, double alpha);       ///< Lambda^alpha
double penalty(std::span<const double> x);                  ///< f_pen: beyond [-5, 5]

/// i / (n - 1), 0 where n is 1.
inline double share(std::size_t i, std::size_t n) {
  return n < 2 ? 0.0 : static_cast<double>(i) / static_cast<double>(n - 1);
}

}  // namespace hone::task::bbob
