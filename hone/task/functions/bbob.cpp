// The 24 noiseless functions of BBOB, in the instances of the COCO platform: groups 1 to 3 of them.
#include "hone/task/functions/bbob.h"

#include <array>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/numbers.h"
#include "hone/task/functions/function.h"

namespace hone::task::bbob {
namespace {

using X = std::span<const double>;

double squares(X z) {
  double sum = 0.0;
  for (const double v : z) sum += v * v;
  return sum;
}

double rastrigin(X z) {
  double sum = 0.0;
  for (const double v : z) sum += 10.0 * (1.0 - std::cos(2 * kPi * v)) + v * v;
  return sum;
}

double ellipsoid(X z) {
  double sum = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) sum += std::pow(1e6, share(i, z.size())) * z[i] * z[i];
  return sum;
}

double rosenbrock(X z) {
  double sum = 0.0;
  for (std::size_t i = 0; i + 1 < z.size(); ++i) {
    const double a = z[i] * z[i] - z[i + 1], b = z[i] - 1.0;
    sum += 100.0 * a * a + b * b;
  }
  return sum;
}

double valley_factor(std::size_t n) { return std::max(1.0, std::sqrt(static_cast<double>(n)) / 8.0); }

}  // namespace

Raw separable(int function, std::vector<double>& place) {
  const std::size_t n = place.size();
  if (function == 1) return [place](X x) { return squares(minus(x, place)); };
  if (function == 2)
    return [place](X x) {
      auto z = minus(x, place);
      oscillate(z);
      return ellipsoid(z);
    };
  if (function == 3)
    return [place](X x) {
      auto z = minus(x, place);
      oscillate(z);
      make_asymmetric(z, 0.2);
      condition(z, 10.0);
      return rastrigin(z);
    };
  if (function == 4) {
    for (std::size_t i = 0; i < n; i += 2) place[i] = std::abs(place[i]);
    return [place](X x) {
      auto z = minus(x, place);
      oscillate(z);
      for (std::size_t i = 0; i < z.size(); ++i)
        z[i] *= std::pow(10.0, 0.5 * share(i, z.size())) * (i % 2 == 0 && z[i] > 0.0 ? 10.0 : 1.0);
      return rastrigin(z) + 100.0 * penalty(x);
    };
  }
  for (double& one : place) one = one > 0.0 ? 5.0 : -5.0;
  return [place](X x) {
    double sum = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double slope = std::copysign(std::pow(10.0, share(i, x.size())), place[i]);
      sum += 5.0 * std::abs(slope) - slope * (x[i] * place[i] < 25.0 ? x[i] : place[i]);
    }
    return sum;
  };
}

Raw moderate(int function, std::int64_t seed, std::vector<double>& place) {
  const std::size_t n = place.size();
  if (function == 8) {
    for (double& one : place) one *= 0.75;
    return [place](X x) {
      auto z = minus(x, place);
      for (double& one : z) one = valley_factor(z.size()) * one + 1.0;
      return rosenbrock(z);
    };
  }
  if (function == 9) {
    const Matrix turn = rotation(n, seed);
    for (std::size_t i = 0; i < n; ++i) {
      place[i] = 0.0;
      for (std::size_t j = 0; j < n; ++j) place[i] += turn.at(j, i) * 0.5 / valley_factor(n);
    }
    return [turn](X x) {
      auto z = turn * x;
      for (double& one : z) one = valley_factor(z.size()) * one + 0.5;
      return rosenbrock(z);
    };
  }
  const Matrix first = rotation(n, seed), second = rotation(n, seed + kSecond);
  if (function == 6)
    return [place, first, second](X x) {
      auto z = first * minus(x, place);
      condition(z, 10.0);
      z = second * z;
      double sum = 0.0;
      for (std::size_t i = 0; i < z.size(); ++i) {
        const double scaled = z[i] * place[i] > 0.0 ? 100.0 * z[i] : z[i];
        sum += scaled * scaled;
      }
      return std::pow(oscillated(sum), 0.9);
    };
  return [place, first, second](X x) {
    auto z = first * minus(x, place);
    condition(z, 10.0);
    const double edge = std::abs(z[0]);
    for (double& one : z)
      one = std::abs(one) > 0.5 ? std::floor(0.5 + one) : std::floor(0.5 + 10.0 * one) / 10.0;
    z = second * z;
    double sum = 0.0;
    for (std::size_t i = 0; i < z.size(); ++i) sum += std::pow(100.0, share(i, z.size())) * z[i] * z[i];
    return 0.1 * std::max(edge / 1e4, sum) + penalty(x);
  };
}

Raw conditioned(int function, std::int64_t seed, std::vector<double>& place) {
  const std::size_t n = place.size();
  // The bent cigar's optimum is drawn with its rotation's seed.
  if (function == 12) place = optimum_place(n, seed + kSecond);
  const Matrix turn = rotation(n, seed + kSecond);
  if (function == 13) {
    const Matrix first = rotation(n, seed);
    return [place, turn, first](X x) {
      auto z = first * minus(x, place);
      condition(z, 10.0);
      z = turn * z;
      return z[0] * z[0] + 100.0 * std::sqrt(squares(X(z).subspan(1)));
    };
  }
  return [place, turn, function](X x) {
    auto z = turn * minus(x, place);
    switch (function) {
      case 10:
        oscillate(z);
        return ellipsoid(z);
      case 11:
        oscillate(z);
        return 1e6 * z[0] * z[0] + squares(X(z).subspan(1));
      case 12:
        make_asymmetric(z, 0.5);
        z = turn * z;
        return z[0] * z[0] + 1e6 * squares(X(z).subspan(1));
      default: {
        double sum = 0.0;
        for (std::size_t i = 0; i < z.size(); ++i)
          sum += std::pow(std::abs(z[i]), 2.0 + 4.0 * share(i, z.size()));
        return std::sqrt(sum);
      }
    }
  };
}

std::vector<double> minus(X x, const std::vector<double>& place) {
  std::vector<double> z(x.begin(), x.end());
  for (std::size_t i = 0; i < z.size(); ++i) z[i] -= place[i];
  return z;
}

Instance make_instance(int function, std::size_t dimension, std::uint64_t instance) {
  const std::int64_t seed = seed_of(function, instance);
  Instance made;
  made.value = optimum_value(function, instance);
  made.place = optimum_place(dimension, seed);
  made.raw = function <= 5    ? separable(function, made.place)
             : function <= 9  ? moderate(function, seed, made.place)
             : function <= 14 ? conditioned(function, seed, made.place)
             : function <= 19 ? structured(function, seed, made.place)
                              : weak(function, seed, made.place);
  return made;
}

std::string function_name(int function) {
  constexpr std::array<const char*, 24> names{"sphere",
                                              "separable ellipsoid",
                                              "separable Rastrigin",
                                              "Büche-Rastrigin",
                                              "linear slope",
                                              "attractive sector",
                                              "step ellipsoid",
                                              "Rosenbrock",
                                              "rotated Rosenbrock",
                                              "rotated ellipsoid",
                                              "discus",
                                              "bent cigar",
                                              "sharp ridge",
                                              "different powers",
                                              "rotated Rastrigin",
                                              "Weierstrass",
                                              "Schaffer's F7",
                                              "Schaffer's F7, badly conditioned",
                                              "Griewank-Rosenbrock",
                                              "Schwefel",
                                              "Gallagher's 101 peaks",
                                              "Gallagher's 21 peaks",
                                              "Katsuura",
                                              "Lunacek's double Rastrigin"};
  return names.at(static_cast<std::size_t>(function) - 1);
}

}  // namespace hone::task::bbob

namespace hone::task {

void add_bbob_functions(std::vector<FunctionInfo>& list) {
  for (int number = 1; number <= 24; ++number) {
    const auto make = [number](std::int64_t dimension, std::uint64_t instance) {
      const auto made = bbob::make_instance(number, static_cast<std::size_t>(dimension), instance);
      Function function;
      function.space = cube(dimension, -5.0, 5.0);
      function.optimum = made.value;
      function.evaluate = [made](std::span<const double> x, double) {
        return std::vector<double>{made.raw(x) + made.value};
      };
      return function;
    };
    list.push_back({fmt::format("bbob_f{}", number), "bbob", bbob::function_name(number),
                    "Hansen et al., Real-Parameter Black-Box Optimization Benchmarking 2009: Noiseless "
                    "Functions Definitions",
                    0, 2, make});
  }
}

}  // namespace hone::task
