// The functional signature's two faults, measured: two probes of one function that differ by rounding and
// share no key (missed), and two functions with one key (collided). Prints tables; bench_identity [PAIRS].
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "hone/base/json.h"
#include "hone/base/rng.h"
#include "hone/identity/signature.h"

namespace {

using hone::Rng;
using hone::identity::Quantisation;
using Probe = std::vector<double>;

/// What a probe holds: outputs around 1, a fifth of them left over by terms that cancel.
Probe probe_of(Rng& rng, std::size_t size) {
  Probe probe(size);
  for (double& value : probe) {
    value = rng.normal() * std::exp(rng.normal());
    if (rng.below(5) == 0) value = rng.below(2) == 0 ? 0.0 : value * 1e-4;
  }
  return probe;
}

/// The same, rounded elsewhere: noise in proportion to each float, and of terms of size 1.
Probe with_noise(Rng& rng, Probe probe, double noise) {
  for (double& value : probe) value += noise * (rng.normal() * value + 0.5 * rng.normal());
  return probe;
}

/// Another function: every float off by about `change` of it.
Probe changed(Rng& rng, Probe probe, double change) {
  for (double& value : probe) value *= 1.0 + change * rng.normal();
  return probe;
}

struct Rates {
  double primary = 0.0, near = 0.0;  ///< share of pairs that agree by the key alone, by any key
  double ambiguous = 0.0, keys = 0.0;
};

template <typename Other>
Rates rates(std::size_t pairs, std::size_t size, const Quantisation& how, Other&& other) {
  Rng rng(1, "bench identity");
  Rates rates;
  for (std::size_t i = 0; i < pairs; ++i) {
    const Probe probe = probe_of(rng, size);
    const auto a = *signature(probe, "", how), b = *signature(other(rng, probe), "", how);
    rates.primary += a.key == b.key;
    rates.near += shares_key(a, b);
    rates.ambiguous += a.ambiguous;
    rates.keys += 1.0 + static_cast<double>(a.near.size());
  }
  for (double* value : {&rates.primary, &rates.near, &rates.ambiguous, &rates.keys})
    *value /= static_cast<double>(pairs);
  return rates;
}

std::vector<Probe> answers_of(const char* path) {
  std::vector<Probe> probes;
  std::ifstream stream(path);
  for (std::string line; std::getline(stream, line);) {
    Probe probe;
    const hone::Json json = hone::parse_json(line, path);
    if (json.contains("floats"))
      for (const hone::Json& value : json["floats"]) probe.push_back(hone::json_to_real(value));
    probes.push_back(std::move(probe));
  }
  return probes;
}

/// Two probes of each design: how many share no key, and how many different designs do.
int compare(const char* one, const char* other) {
  const auto a = answers_of(one), b = answers_of(other);
  std::printf("%5s %8s %18s %18s %10s %9s\n", "bits", "designs", "missed by the key", "missed by any key",
              "ambiguous", "collided");
  for (const int bits : {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14}) {
    double n = 0, by_key = 0, by_any = 0, ambiguous = 0, pairs = 0, collided = 0;
    std::vector<hone::identity::Signature> mine, theirs;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      const auto x = signature(a[i], "", Quantisation::float32(bits));
      const auto y = signature(b[i], "", Quantisation::float32(bits));
      if (!x || !y) continue;
      ++n;
      by_key += x->key != y->key;
      by_any += !shares_key(*x, *y);
      ambiguous += x->ambiguous;
      mine.push_back(*x);
      theirs.push_back(*y);
    }
    for (std::size_t i = 0; i < mine.size(); ++i)
      for (std::size_t j = 0; j < i; ++j, ++pairs) collided += shares_key(mine[i], mine[j]);
    std::printf("%5d %8.0f %17.1f%% %17.1f%% %10.2f %8.2f%%\n", bits, n, 100 * by_key / n, 100 * by_any / n,
                ambiguous / n, 100 * collided / pairs);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2) return compare(argv[1], argv[2]);
  const std::size_t pairs = argc > 1 ? static_cast<std::size_t>(std::atoll(argv[1])) : 2000;
  for (const std::size_t size : {std::size_t{30}, std::size_t{300}}) {
    std::printf("\nprobes of %zu floats: same function, missed (by the key alone / by any key), %%\n", size);
    std::printf("%5s %18s %18s %18s %11s %7s\n", "bits", "noise 1e-7", "3e-7", "1e-6", "ambiguous", "keys");
    for (const int bits : {2, 4, 6, 7, 8, 10, 12, 14}) {
      const Quantisation how = Quantisation::float32(bits);
      std::printf("%5d", bits);
      Rates last;
      for (const double noise : {1e-7, 3e-7, 1e-6}) {
        last = rates(pairs, size, how,
                     [&](Rng& rng, const Probe& probe) { return with_noise(rng, probe, noise); });
        std::printf("   %6.2f / %6.2f", 100 * (1 - last.primary), 100 * (1 - last.near));
      }
      std::printf(" %11.2f %7.2f\n", last.ambiguous, last.keys);
    }
  }
  for (const std::size_t size : {std::size_t{3}, std::size_t{30}}) {
    std::printf("\nprobes of %zu floats: another function, every float off by so much: collided, %%\n", size);
    std::printf("%5s %9s %9s %9s %9s %9s\n", "bits", "3e-4", "1e-3", "1e-2", "0.1", "0.5");
    for (const int bits : {1, 2, 4, 6, 7, 8, 10, 12, 14}) {
      std::printf("%5d", bits);
      for (const double change : {3e-4, 1e-3, 1e-2, 0.1, 0.5})
        std::printf(" %9.2f",
                    100 * rates(pairs, size, Quantisation::float32(bits), [&](Rng& rng, const Probe& probe) {
                            return changed(rng, probe, change);
                          }).near);
      std::printf("\n");
    }
  }
  std::printf("\ndoubles throughout, noise 1e-15, probes of 300 floats: missed, %%\n%5s\n", "bits");
  for (const int bits : {10, 20, 30, 35})
    std::printf("%5d %9.3f\n", bits,
                100 * (1 - rates(pairs, 300, Quantisation::float64(bits), [&](Rng& rng, const Probe& probe) {
                             return with_noise(rng, probe, 1e-15);
                           }).near));
}
