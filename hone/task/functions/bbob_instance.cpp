#include "hone/task/functions/bbob_instance.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "hone/base/numbers.h"

namespace hone::task::bbob {

std::vector<double> uniform(std::size_t n, std::int64_t seed) {
  constexpr std::int64_t kModulus = 2147483647, kFactor = 16807;
  std::int64_t state = std::max<std::int64_t>(1, std::abs(seed));
  const auto advance = [&] { return state = kFactor * state % kModulus; };
  std::array<std::int64_t, 32> places{};
  for (int i = 39; i >= 0; --i) {
    advance();
    if (i < 32) places[static_cast<std::size_t>(i)] = state;
  }
  std::int64_t last = places[0];
  std::vector<double> numbers(n);
  for (double& number : numbers) {
    advance();
    auto& place = places[static_cast<std::size_t>(last / 67108865)];
    last = place;
    place = state;
    number = static_cast<double>(last) / 2.147483647e9;
    if (number == 0.0) number = 1e-99;
  }
  return numbers;
}

std::vector<double> normal(std::size_t n, std::int64_t seed) {
  const auto u = uniform(2 * n, seed);
  std::vector<double> numbers(n);
  for (std::size_t i = 0; i < n; ++i) {
    numbers[i] = std::sqrt(-2.0 * std::log(u[i])) * std::cos(2.0 * kPi * u[n + i]);
    if (numbers[i] == 0.0) numbers[i] = 1e-99;
  }
  return numbers;
}

std::vector<double> Matrix::operator*(std::span<const double> x) const {
  std::vector<double> product(size, 0.0);
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t j = 0; j < size; ++j) product[i] += values[i * size + j] * x[j];
  return product;
}

Matrix rotation(std::size_t dimension, std::int64_t seed) {
  const std::size_t n = dimension;
  const auto numbers = normal(n * n, seed);
  Matrix matrix{n, std::vector<double>(n * n)};
  const auto at = [&](std::size_t row, std::size_t column) -> double& {
    return matrix.values[row * n + column];
  };
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) at(i, j) = numbers[j * n + i];
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      double product = 0.0;
      for (std::size_t k = 0; k < n; ++k) product += at(k, i) * at(k, j);
      for (std::size_t k = 0; k < n; ++k) at(k, i) -= product * at(k, j);
    }
    double square = 0.0;
    for (std::size_t k = 0; k < n; ++k) square += at(k, i) * at(k, i);
    for (std::size_t k = 0; k < n; ++k) at(k, i) /= std::sqrt(square);
  }
  return matrix;
}

std::vector<double> optimum_place(std::size_t dimension, std::int64_t seed) {
  auto place = uniform(dimension, seed);
  for (double& x : place) {
    x = 8.0 * std::floor(1e4 * x) / 1e4 - 4.0;
    if (x == 0.0) x = -1e-5;
  }
  return place;
}

std::int64_t seed_of(int function, std::uint64_t instance) {
  const int base = function == 4 ? 3 : function == 18 ? 17 : function;
  return base + 10000 * static_cast<std::int64_t>(instance);
}

double optimum_value(int function, std::uint64_t instance) {
  const std::int64_t seed = seed_of(function, instance);
  const double ratio = normal(1, seed)[0] / normal(1, seed + 1)[0];
  return std::clamp(std::floor(100.0 * 100.0 * ratio + 0.5) / 100.0, -1000.0, 1000.0);
}

double oscillated(double x) {
  if (x == 0.0) return 0.0;
  const double log = std::log(std::abs(x)) / 0.1;
  const double wave = x > 0.0 ? 0.49 * (std::sin(log) + std::sin(0.79 * log))
                              : 0.49 * (std::sin(0.55 * log) + std::sin(0.31 * log));
  return std::copysign(std::pow(std::exp(log + wave), 0.1), x);
}

void oscillate(std::vector<double>& x) {
  for (double& one : x) one = oscillated(one);
}

void make_asymmetric(std::vector<double>& x, double beta) {
  for (std::size_t i = 0; i < x.size(); ++i)
    if (x[i] > 0.0) x[i] = std::pow(x[i], 1.0 + beta * share(i, x.size()) * std::sqrt(x[i]));
}

void condition(std::vector<double>& x, double alpha) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] *= std::pow(alpha, 0.5 * share(i, x.size()));
}

double penalty(std::span<const double> x) {
  double sum = 0.0;
  for (const double one : x) {
    const double beyond = std::abs(one) - 5.0;
    if (beyond > 0.0) sum += beyond * beyond;
  }
  return sum;
}

}  // namespace hone::task::bbob
