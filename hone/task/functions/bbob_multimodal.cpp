// The 24 noiseless functions of BBOB: the multimodal ones, with adequate and with weak global structure.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "hone/base/numbers.h"
#include "hone/task/functions/bbob.h"

namespace hone::task::bbob {
namespace {

using X = std::span<const double>;

double cosines(X z) {
  double sum = 0.0;
  for (const double v : z) sum += 1.0 - std::cos(2 * kPi * v);
  return 10.0 * sum;
}

/// Places of the values in ascending order.
std::vector<std::size_t> order(X values) {
  std::vector<std::size_t> places(values.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::stable_sort(places.begin(), places.end(), [&](auto a, auto b) { return values[a] < values[b]; });
  return places;
}

/// Functions 21 and 22: wells of different depth, width and direction.
Raw gallagher(std::size_t n_peaks, double highest_condition, double range, std::int64_t seed,
              std::vector<double>& place) {
  const std::size_t n = place.size();
  const Matrix turn = rotation(n, seed);
  struct Peak {
    double height;
    std::vector<double> scales, centre;
  };
  std::vector<Peak> peaks(n_peaks);
  const auto conditions = order(uniform(n_peaks - 1, seed));
  const auto places = uniform(n * n_peaks, seed);
  for (std::size_t i = 0; i < n_peaks; ++i) {
    const double condition =
        i == 0 ? highest_condition
               : std::pow(1000.0, static_cast<double>(conditions[i - 1]) / static_cast<double>(n_peaks - 2));
    peaks[i].height =
        i == 0 ? 10.0 : 1.1 + 8.0 * static_cast<double>(i - 1) / static_cast<double>(n_peaks - 2);
    const auto axes = order(uniform(n, seed + 1000 * static_cast<std::int64_t>(i)));
    for (std::size_t j = 0; j < n; ++j)
      peaks[i].scales.push_back(std::pow(condition, share(axes[j], n) - 0.5));
    std::vector<double> centre(n);
    for (std::size_t j = 0; j < n; ++j)
      centre[j] = (i == 0 ? 0.8 : 1.0) * (2.0 * range * places[i * n + j] - range);
    if (i == 0) place = centre;
    peaks[i].centre = turn * centre;
  }
  return [turn, peaks](X x) {
    const auto turned = turn * x;
    double best = 0.0;
    for (const Peak& peak : peaks) {
      double sum = 0.0;
      for (std::size_t j = 0; j < turned.size(); ++j) {
        const double apart = turned[j] - peak.centre[j];
        sum += peak.scales[j] * apart * apart;
      }
      best = std::max(best, peak.height * std::exp(-0.5 / static_cast<double>(turned.size()) * sum));
    }
    const double depth = oscillated(10.0 - best);
    return depth * depth + penalty(x);
  };
}

Raw schwefel(std::int64_t seed, std::vector<double>& place) {
  const auto signs = uniform(place.size(), seed);
  for (std::size_t i = 0; i < place.size(); ++i)
    place[i] = 0.5 * 4.2096874637 * (signs[i] < 0.5 ? -1.0 : 1.0);
  return [place](X x) {
    const std::size_t n = x.size();
    std::vector<double> hat(n), z(n);
    for (std::size_t i = 0; i < n; ++i) hat[i] = 2.0 * (place[i] < 0.0 ? -x[i] : x[i]);
    z[0] = hat[0];
    for (std::size_t i = 1; i < n; ++i) z[i] = hat[i] + 0.25 * (hat[i - 1] - 2.0 * std::abs(place[i - 1]));
    double sum = 0.0, beyond = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      const double twice = 2.0 * std::abs(place[i]);
      z[i] = 100.0 * (std::pow(10.0, 0.5 * share(i, n)) * (z[i] - twice) + twice);
      const double over = std::abs(z[i]) - 500.0;
      if (over > 0.0) beyond += over * over;
      sum += z[i] * std::sin(std::sqrt(std::abs(z[i])));
    }
    return 4.189828872724339 - 0.01 * sum / static_cast<double>(n) + 0.01 * beyond;
  };
}

Raw lunacek(std::int64_t seed, std::vector<double>& place) {
  constexpr double kFirst = 2.5;
  const std::size_t n = place.size();
  const auto signs = normal(n, seed);
  for (std::size_t i = 0; i < n; ++i) place[i] = 0.5 * kFirst * (signs[i] < 0.0 ? -1.0 : 1.0);
  const Matrix first = rotation(n, seed), second = rotation(n, seed + kSecond);
  return [place, first, second](X x) {
    const auto size = static_cast<double>(x.size());
    const double s = 1.0 - 0.5 / (std::sqrt(size + 20.0) - 4.1);
    const double other = -std::sqrt((kFirst * kFirst - 1.0) / s);
    double one = 0.0, two = 0.0;
    std::vector<double> z(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double hat = 2.0 * (place[i] < 0.0 ? -x[i] : x[i]);
      one += (hat - kFirst) * (hat - kFirst);
      two += (hat - other) * (hat - other);
      z[i] = hat - kFirst;
    }
    z = first * z;
    condition(z, 100.0);
    z = second * z;
    return std::min(one, size + s * two) + cosines(z) + 1e4 * penalty(x);
  };
}

}  // namespace

Raw structured(int function, std::int64_t seed, std::vector<double>& place) {
  const std::size_t n = place.size();
  if (function == 19) {
    const Matrix turn = rotation(n, seed);
    const double factor = std::max(1.0, std::sqrt(static_cast<double>(n)) / 8.0);
    for (std::size_t i = 0; i < n; ++i) {
      place[i] = 0.0;
      for (std::size_t j = 0; j < n; ++j) place[i] += turn.at(j, i) * 0.5 / factor;
    }
    return [turn, factor](X x) {
      auto z = turn * x;
      for (double& one : z) one = factor * one + 0.5;
      double sum = 0.0;
      for (std::size_t i = 0; i + 1 < z.size(); ++i) {
        const double a = z[i] * z[i] - z[i + 1], b = 1.0 - z[i];
        const double s = 100.0 * a * a + b * b;
        sum += s / 4000.0 - std::cos(s);
      }
      return 10.0 + 10.0 * sum / static_cast<double>(z.size() - 1);
    };
  }
  const Matrix first = rotation(n, seed + kSecond), second = rotation(n, seed);
  if (function == 15)
    return [place, first, second](X x) {
      auto z = first * minus(x, place);
      oscillate(z);
      make_asymmetric(z, 0.2);
      z = second * z;
      condition(z, 10.0);
      z = first * z;
      double sum = cosines(z);
      for (const double v : z) sum += v * v;
      return sum;
    };
  if (function == 16)
    return [place, first, second](X x) {
      auto z = first * minus(x, place);
      oscillate(z);
      z = second * z;
      condition(z, 0.01);
      z = first * z;
      double sum = 0.0, least = 0.0;
      for (int k = 0; k < 12; ++k) {
        const double half = std::pow(0.5, k), wave = 2 * kPi * std::pow(3.0, k);
        least += half * std::cos(wave * 0.5);
        for (const double v : z) sum += half * std::cos(wave * (v + 0.5));
      }
      const auto size = static_cast<double>(z.size());
      return 10.0 * std::pow(sum / size - least, 3.0) + 10.0 / size * penalty(x);
    };
  const double alpha = function == 17 ? 10.0 : 1000.0;
  return [place, first, second, alpha](X x) {
    auto z = first * minus(x, place);
    make_asymmetric(z, 0.5);
    z = second * z;
    condition(z, alpha);
    double sum = 0.0;
    for (std::size_t i = 0; i + 1 < z.size(); ++i) {
      const double s = z[i] * z[i] + z[i + 1] * z[i + 1];
      const double wave = std::sin(50.0 * std::pow(s, 0.1));
      sum += std::pow(s, 0.25) * (1.0 + wave * wave);
    }
    const double mean = sum / static_cast<double>(z.size() - 1);
    return mean * mean + 10.0 * penalty(x);
  };
}

Raw weak(int function, std::int64_t seed, std::vector<double>& place) {
  switch (function) {
    case 20:
      return schwefel(seed, place);
    case 21:
      return gallagher(101, std::sqrt(1000.0), 5.0, seed, place);
    case 22:
      return gallagher(21, 1000.0, 4.9, seed, place);
    case 24:
      return lunacek(seed, place);
    default:
      break;
  }
  const std::size_t n = place.size();
  const Matrix first = rotation(n, seed), second = rotation(n, seed + kSecond);
  return [place, first, second](X x) {
    auto z = first * minus(x, place);
    condition(z, 100.0);
    z = second * z;
    const auto size = static_cast<double>(z.size());
    double product = 1.0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      double sum = 0.0;
      for (int j = 1; j <= 32; ++j) {
        const double power = std::ldexp(1.0, j);
        sum += std::abs(power * z[i] - std::round(power * z[i])) / power;
      }
      product *= std::pow(1.0 + (static_cast<double>(i) + 1.0) * sum, 10.0 / std::pow(size, 1.2));
    }
    return 10.0 / (size * size) * (product - 1.0) + penalty(x);
  };
}

}  // namespace hone::task::bbob
