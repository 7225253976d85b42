// A small workload for the compiler to be tuned on: it compresses text (LZ77 with hash chains, then canonical
// Huffman codes), unpacks it again, sorts its words, multiplies matrices and walks an n-body system. Prints
// the processor time of the fastest of `rounds` rounds and ends with status 1 where any result is wrong.
//
//   squeeze ROUNDS
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <queue>
#include <string>
#include <vector>

namespace {

using Bytes = std::vector<std::uint8_t>;

// What the program computes without any optimisation.
constexpr std::size_t kPacked = 180801;
constexpr std::uint64_t kBits = 1263436, kWords = 709962856129451385;
constexpr double kProduct = 518157.875, kEnergy = 1.00000021768;

std::uint32_t g_state = 12345;
std::uint32_t random_number() {
  g_state ^= g_state << 13;
  g_state ^= g_state >> 17;
  g_state ^= g_state << 5;
  return g_state;
}

/// Text of words drawn from a vocabulary, the first ones often: it has both repetition and skew.
Bytes make_text(std::size_t size) {
  std::vector<std::string> words;
  for (int i = 0; i < 700; ++i) {
    std::string word;
    for (std::uint32_t n = 2 + random_number() % 8; n > 0; --n)
      word += static_cast<char>('a' + random_number() % 26);
    words.push_back(word);
  }
  Bytes text;
  while (text.size() < size) {
    const std::uint32_t a = random_number() % 700, b = random_number() % 700;
    for (const char c : words[a * b / 700]) text.push_back(static_cast<std::uint8_t>(c));
    text.push_back(random_number() % 12 == 0 ? '\n' : ' ');
  }
  text.resize(size);
  return text;
}

/// LZ77: a flag byte for every eight items, a literal or (distance, length) of 4 to 255.
Bytes lz_pack(const Bytes& in) {
  constexpr std::size_t kWindow = 65535;
  std::vector<std::int32_t> head(1 << 15, -1), previous(in.size(), -1);
  Bytes out;
  std::size_t flags = 0;
  int item = 8;
  const auto hash = [&](std::size_t i) {
    const std::uint32_t word =
        in[i] | in[i + 1] << 8 | in[i + 2] << 16 | static_cast<std::uint32_t>(in[i + 3]) << 24;
    return (word * 2654435761u) >> 17;
  };
  for (std::size_t i = 0; i < in.size();) {
    if (item == 8) {
      flags = out.size();
      out.push_back(0);
      item = 0;
    }
    std::size_t best = 0, distance = 0;
    if (i + 4 <= in.size()) {
      std::int32_t at = head[hash(i)];
      for (int tries = 0; tries < 24 && at >= 0 && i - static_cast<std::size_t>(at) <= kWindow; ++tries) {
        const std::size_t from = static_cast<std::size_t>(at);
        std::size_t length = 0;
        while (length < 255 && i + length < in.size() && in[from + length] == in[i + length]) ++length;
        if (length > best) {
          best = length;
          distance = i - from;
        }
        at = previous[from];
      }
    }
    const std::size_t step = best >= 4 ? best : 1;
    if (best >= 4) {
      out[flags] |= static_cast<std::uint8_t>(1 << item);
      out.push_back(static_cast<std::uint8_t>(distance & 255));
      out.push_back(static_cast<std::uint8_t>(distance >> 8));
      out.push_back(static_cast<std::uint8_t>(best));
    } else {
      out.push_back(in[i]);
    }
    ++item;
    for (const std::size_t end = i + step; i < end; ++i) {
      if (i + 4 > in.size()) continue;
      previous[i] = head[hash(i)];
      head[hash(i)] = static_cast<std::int32_t>(i);
    }
  }
  return out;
}

Bytes lz_unpack(const Bytes& in) {
  Bytes out;
  for (std::size_t i = 0; i < in.size();) {
    const std::uint8_t flags = in[i++];
    for (int item = 0; item < 8 && i < in.size(); ++item) {
      if ((flags >> item & 1) == 0) {
        out.push_back(in[i++]);
        continue;
      }
      const std::size_t from = out.size() - (in[i] | static_cast<std::size_t>(in[i + 1]) << 8);
      for (std::size_t k = 0; k < in[i + 2]; ++k) out.push_back(out[from + k]);
      i += 3;
    }
  }
  return out;
}

/// Bits of a canonical-length Huffman code of these bytes: what a coder would write.
std::uint64_t huffman_bits(const Bytes& in) {
  std::uint64_t counts[256] = {};
  for (const std::uint8_t byte : in) ++counts[byte];
  std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> queue;
  for (const std::uint64_t count : counts)
    if (count > 0) queue.push(count);
  std::uint64_t bits = 0;
  while (queue.size() > 1) {
    const std::uint64_t a = queue.top();
    queue.pop();
    const std::uint64_t b = queue.top();
    queue.pop();
    bits += a + b;
    queue.push(a + b);
  }
  return bits;
}

std::uint64_t sorted_words(const Bytes& text) {
  std::vector<std::string> words(1);
  for (const std::uint8_t byte : text) {
    if (byte == ' ' || byte == '\n')
      words.emplace_back();
    else
      words.back() += static_cast<char>(byte);
  }
  std::sort(words.begin(), words.end());
  std::uint64_t hash = 1469598103934665603u;
  for (const auto& word : words)
    for (const char c : word) hash = (hash ^ static_cast<std::uint8_t>(c)) * 1099511628211u;
  return hash;
}

double matrices(std::size_t n) {
  std::vector<float> a(n * n), b(n * n), c(n * n, 0.0f);
  for (std::size_t i = 0; i < n * n; ++i) {
    a[i] = static_cast<float>(i % 17) * 0.25f - 2.0f;
    b[i] = static_cast<float>(i % 13) * 0.5f - 3.0f;
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k < n; ++k)
      for (std::size_t j = 0; j < n; ++j) c[i * n + j] += a[i * n + k] * b[k * n + j];
  double sum = 0.0;
  for (const float x : c) sum += std::fabs(x);
  return sum;
}

/// Energy of a softened n-body system after some steps, divided by that at the start: near 1.
double bodies(int n, int steps) {
  std::vector<double> x, y, z, u(n, 0.0), v(n, 0.0), w(n, 0.0);
  for (int i = 0; i < n; ++i) {
    x.push_back(std::cos(i * 0.7) * (1 + i * 0.1));
    y.push_back(std::sin(i * 1.1) * (1 + i * 0.1));
    z.push_back(std::cos(i * 1.9));
  }
  const auto energy = [&] {
    double sum = 0.0;
    for (int i = 0; i < n; ++i) {
      sum += 0.5 * (u[i] * u[i] + v[i] * v[i] + w[i] * w[i]);
      for (int j = 0; j < i; ++j) {
        const double dx = x[i] - x[j], dy = y[i] - y[j], dz = z[i] - z[j];
        sum -= 1.0 / n / std::sqrt(dx * dx + dy * dy + dz * dz + 0.05);
      }
    }
    return sum;
  };
  const double before = energy();
  for (int step = 0; step < steps; ++step) {
    for (int i = 0; i < n; ++i) {
      double ax = 0.0, ay = 0.0, az = 0.0;
      for (int j = 0; j < n; ++j) {
        const double dx = x[j] - x[i], dy = y[j] - y[i], dz = z[j] - z[i];
        const double d = dx * dx + dy * dy + dz * dz + 0.05;
        const double f = 1.0 / n / (d * std::sqrt(d));
        ax += f * dx;
        ay += f * dy;
        az += f * dz;
      }
      u[i] += 1e-3 * ax;
      v[i] += 1e-3 * ay;
      w[i] += 1e-3 * az;
    }
    for (int i = 0; i < n; ++i) {
      x[i] += 1e-3 * u[i];
      y[i] += 1e-3 * v[i];
      z[i] += 1e-3 * w[i];
    }
  }
  return energy() / before;
}

bool check(const char* what, bool right) {
  if (!right) std::fprintf(stderr, "wrong result: %s\n", what);
  return right;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 3;
  const Bytes text = make_text(400000);
  double fastest = 1e9;
  for (int round = 0; round < rounds; ++round) {
    const std::clock_t began = std::clock();
    const Bytes packed = lz_pack(text);
    const Bytes again = lz_unpack(packed);
    const std::uint64_t bits = huffman_bits(packed);
    const std::uint64_t words = sorted_words(text);
    const double product = matrices(256);
    const double energy = bodies(120, 100);
    fastest = std::min(fastest, static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC);
    // Integers must be what they are without optimisation; reals may differ by rounding.
    if (!check("unpacked text", again == text) || !check("packed size", packed.size() == kPacked) ||
        !check("code length", bits == kBits) || !check("sorted words", words == kWords) ||
        !check("matrices", std::fabs(product - kProduct) < 1e-4 * kProduct) ||
        !check("energy", std::fabs(energy - kEnergy) < 1e-6))
      return 1;
  }
  std::printf("%.6f\n", fastest);
}
