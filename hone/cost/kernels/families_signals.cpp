// Signals: polynomials, butterflies, complex numbers, movement of parts, running sums, recursive filters,
// windows.
#include <algorithm>

#include <fmt/format.h>

#include "hone/cost/kernels/families.h"

namespace hone::cost {

void write_polynomial(KernelText& text, KernelDraw& draw) {
  const auto degree = draw.pick(2, 12), kind = draw.pick(0, 2);
  const bool rational = draw.chance(0.2);
  const auto n = draw.extents(1, static_cast<double>(degree), 8).front();
  const std::string x = text.buffer({n}), y = text.buffer({n}), table = text.buffer({degree + 1});
  // Horner's rule: coefficients in the text, in a table written out, or in a table gone through.
  text.loop(0, n, [&](const std::string& i) {
    const std::string at = text.load(x, i);
    const auto evaluated = [&](double shift) {
      if (kind == 2) {
        const std::string last = text.load(table, fmt::format("{}", degree));
        return text.reduce(0, degree, last, [&](const std::string& k, const std::string& so_far) {
          return text.add(text.mul(so_far, at), text.load(table, fmt::format("{} - {}", degree - 1, k)));
        });
      }
      std::string value;
      for (std::int64_t k = degree; k >= 0; --k) {
        const std::string coefficient = kind == 0 ? text.constant(0.3 + shift + 0.1 * static_cast<double>(k))
                                                  : text.load(table, fmt::format("{}", k));
        value = value.empty() ? coefficient : text.add(text.mul(value, at), coefficient);
      }
      return value;
    };
    std::string value = evaluated(0.0);
    if (rational) value = text.div(value, text.add(evaluated(0.5), text.constant(2.0)));
    text.store(value, y, i);
  });
}

void write_butterflies(KernelText& text, KernelDraw& draw) {
  const auto stages = draw.pick(1, 3);
  const bool complex = draw.chance(0.5), split = draw.chance(0.5), rows = draw.chance(0.4);
  const auto dims = draw.extents(2, static_cast<double>(stages), 8);
  const std::int64_t half = std::max<std::int64_t>(4, dims[0] / 2 * 2), groups = dims[1];
  // Each stage takes pairs half a row apart (or neighbours) and gives sums and differences.
  const KernelText::Dims shape =
      rows ? KernelText::Dims{2 * half, groups} : KernelText::Dims{groups, 2 * half};
  std::string real = text.buffer(shape), imaginary = complex ? text.buffer(shape) : "";
  const std::string cosines = text.buffer({half}), sines = text.buffer({half});
  for (std::int64_t stage = 0; stage < stages; ++stage) {
    const std::string next = text.buffer(shape), next_imaginary = complex ? text.buffer(shape) : "";
    text.nest(rows ? KernelText::Dims{half, groups} : KernelText::Dims{groups, half},
              [&](const std::vector<std::string>& iv) {
                const std::string& k = iv[rows ? 0 : 1];
                const std::string& g = iv[rows ? 1 : 0];
                const auto at = [&](const std::string& place) {
                  return rows ? listed({place, g}) : listed({g, place});
                };
                const std::string one = at(split ? k : scaled(k, 2)),
                                  two = at(split ? scaled(k, 1, half) : scaled(k, 2, 1));
                const std::string first = at(k), second = at(scaled(k, 1, half));
                const std::string c = text.load(cosines, k);
                const std::string a = text.load(real, one), b = text.load(real, two);
                if (!complex) {
                  text.store(text.add(a, b), next, first);
                  text.store(text.mul(text.sub(a, b), c), next, second);
                  return;
                }
                const std::string s = text.load(sines, k);
                const std::string ai = text.load(imaginary, one), bi = text.load(imaginary, two);
                const std::string tr = text.sub(text.mul(b, c), text.mul(bi, s)),
                                  ti = text.add(text.mul(b, s), text.mul(bi, c));
                text.store(text.add(a, tr), next, first);
                text.store(text.add(ai, ti), next_imaginary, first);
                text.store(text.sub(a, tr), next, second);
                text.store(text.sub(ai, ti), next_imaginary, second);
              });
    real = next;
    imaginary = next_imaginary;
  }
}

void write_complex(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 3);
  const bool interleaved = draw.chance(0.6);
  const auto dims = draw.extents(kind == 2 ? 2 : 1, 2.0, 4);
  // Parts side by side, or in planes.
  const auto vector = [&](std::int64_t n) {
    return text.buffer(interleaved ? KernelText::Dims{n, 2} : KernelText::Dims{2, n});
  };
  const auto part = [&](const std::string& i, int which) {
    const std::string p = fmt::format("{}", which);
    return interleaved ? listed({i, p}) : listed({p, i});
  };
  if (kind == 2) {  // a matrix times a vector
    const std::string a = text.buffer(interleaved ? KernelText::Dims{dims[0], dims[1], 2}
                                                  : KernelText::Dims{2, dims[0], dims[1]}),
                      x = vector(dims[1]), y = vector(dims[0]);
    text.nest(dims, [&](const std::vector<std::string>& iv) {
      const auto of = [&](const char* p) {
        return text.load(a, interleaved ? listed({iv[0], iv[1], p}) : listed({p, iv[0], iv[1]}));
      };
      const std::string ar = of("0"), ai = of("1"), xr = text.load(x, part(iv[1], 0)),
                        xi = text.load(x, part(iv[1], 1));
      text.accumulate(y, part(iv[0], 0), text.sub(text.mul(ar, xr), text.mul(ai, xi)));
      text.accumulate(y, part(iv[0], 1), text.add(text.mul(ar, xi), text.mul(ai, xr)));
    });
    return;
  }
  const std::string x = vector(dims[0]), y = vector(dims[0]),
                    out = kind == 3 ? text.buffer({dims[0]}) : vector(dims[0]);
  text.loop(0, dims[0], [&](const std::string& i) {
    const std::string xr = text.load(x, part(i, 0)), xi = text.load(x, part(i, 1));
    if (kind == 3) {  // magnitudes
      text.store(text.unary("math.sqrt", text.add(text.mul(xr, xr), text.mul(xi, xi))), out, i);
      return;
    }
    const std::string yr = text.load(y, part(i, 0)), yi = text.load(y, part(i, 1));
    const std::string re = text.sub(text.mul(xr, yr), text.mul(xi, yi)),
                      im = text.add(text.mul(xr, yi), text.mul(xi, yr));
    if (kind == 1) {  // and divided by the square
      const std::string square = text.add(text.mul(yr, yr), text.mul(yi, yi));
      text.store(text.div(re, square), out, part(i, 0));
      text.store(text.div(im, square), out, part(i, 1));
      return;
    }
    text.store(re, out, part(i, 0));
    text.store(im, out, part(i, 1));
  });
}

void write_movement(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 5);
  const auto rank = static_cast<std::size_t>(draw.pick(1, 2));
  const auto pad = draw.pick(1, 3);
  auto dims = draw.extents(rank, 1.0, 6);
  const auto shifted_by = [&](std::vector<std::string> iv, std::int64_t by) {
    for (auto& one : iv) one = scaled(one, 1, by);
    return listed(iv);
  };
  auto larger = dims;
  for (auto& dim : larger) dim += 2 * pad;
  if (kind == 0) {  // a border of zeros
    const std::string x = text.buffer(dims), y = text.buffer(larger), zero = text.constant(0.0);
    text.nest(larger, [&](const std::vector<std::string>& iv) { text.store(zero, y, listed(iv)); });
    text.nest(dims, [&](const std::vector<std::string>& iv) {
      text.store(text.load(x, listed(iv)), y, shifted_by(iv, pad));
    });
  } else if (kind == 1) {  // what is inside a border
    const std::string x = text.buffer(larger), y = text.buffer(dims);
    text.nest(dims, [&](const std::vector<std::string>& iv) {
      text.store(text.load(x, shifted_by(iv, pad)), y, listed(iv));
    });
  } else if (kind == 2) {  // backwards
    const std::string x = text.buffer(dims), y = text.buffer(dims);
    text.nest(dims, [&](std::vector<std::string> iv) {
      const std::string to = listed(iv);
      iv.back() = fmt::format("{} - {}", dims.back() - 1, iv.back());
      text.store(text.load(x, listed(iv)), y, to);
    });
  } else if (kind == 3) {  // one behind another
    const std::string a = text.buffer(dims), b = text.buffer(dims);
    auto twice = dims;
    twice.back() *= 2;
    const std::string y = text.buffer(twice);
    text.nest(dims,
              [&](std::vector<std::string> iv) { text.store(text.load(a, listed(iv)), y, listed(iv)); });
    text.nest(dims, [&](std::vector<std::string> iv) {
      const std::string value = text.load(b, listed(iv));
      iv.back() = scaled(iv.back(), 1, dims.back());
      text.store(value, y, listed(iv));
    });
  } else if (kind == 4) {  // alternately, or apart again
    auto parts = dims;
    parts.push_back(pad + 1);
    const std::string y = text.buffer(parts);
    std::vector<std::string> sources;
    for (std::int64_t i = 0; i <= pad; ++i) sources.push_back(text.buffer(dims));
    const bool apart = draw.chance(0.5);
    text.nest(dims, [&](const std::vector<std::string>& iv) {
      for (std::size_t i = 0; i < sources.size(); ++i) {
        auto place = iv;
        place.push_back(fmt::format("{}", i));
        if (apart)
          text.store(text.load(y, listed(place)), sources[i], listed(iv));
        else
          text.store(text.load(sources[i], listed(iv)), y, listed(place));
      }
    });
  } else {  // windows side by side, as before a product of matrices
    const auto window = pad + 2;
    const auto n = dims.front();
    const std::string x = text.buffer({n + window}), y = text.buffer({window, n});
    const bool inside = draw.chance(0.5);
    text.nest(inside ? KernelText::Dims{n, window} : KernelText::Dims{window, n},
              [&](const std::vector<std::string>& iv) {
                const std::string& at = iv[inside ? 0 : 1];
                const std::string& tap = iv[inside ? 1 : 0];
                text.store(text.load(x, at + " + " + tap), y, listed({tap, at}));
              });
  }
}

void write_running_sums(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 3);
  const bool backwards = draw.chance(0.3);
  const auto dims = draw.extents(2, 1.0, 6);
  const std::string x = text.buffer(dims);
  const auto combined = [&](const std::string& a, const std::string& b) {
    return kind == 1 ? text.max(a, b) : text.add(a, b);
  };
  if (kind <= 1) {  // along rows, in a register
    const std::string y = text.buffer(dims);
    text.loop(0, dims[0], [&](const std::string& row) {
      const std::string start = text.constant(0.0);
      text.reduce(0, dims[1], start, [&](const std::string& at, const std::string& so_far) {
        const std::string place = listed({row, backwards ? fmt::format("{} - {}", dims[1] - 1, at) : at});
        const std::string sum = combined(so_far, text.load(x, place));
        text.store(sum, y, place);
        return sum;
      });
    });
  } else if (kind == 2) {  // of whole rectangles
    const std::string y = text.buffer({dims[0] + 1, dims[1] + 1});
    text.nest(dims, [&](const std::vector<std::string>& iv) {
      const std::string r1 = iv[0] + " + 1", c1 = iv[1] + " + 1";
      const std::string sum = text.add(text.load(y, listed({iv[0], c1})), text.load(y, listed({r1, iv[1]})));
      text.store(text.add(text.sub(sum, text.load(y, listed(iv))), text.load(x, listed(iv))), y,
                 listed({r1, c1}));
    });
  } else {  // down columns, in place
    text.loop(1, dims[0], [&](const std::string& row) {
      text.loop(0, dims[1], [&](const std::string& column) {
        text.store(
            combined(text.load(x, listed({row + " - 1", column})), text.load(x, listed({row, column}))), x,
            listed({row, column}));
      });
    });
  }
}

void write_recursive_filter(KernelText& text, KernelDraw& draw) {
  const auto sections = draw.pick(1, 3);
  const bool channels_inside = draw.chance(0.4), states = draw.chance(0.4);
  const auto dims = draw.extents(2, static_cast<double>(sections), 6);
  const auto channels = dims[0], n = dims[1] + 2;
  const KernelText::Dims shape =
      channels_inside ? KernelText::Dims{n, channels} : KernelText::Dims{channels, n};
  const auto at = [&](const std::string& channel, const std::string& i) {
    return channels_inside ? listed({i, channel}) : listed({channel, i});
  };
  std::string x = text.buffer(shape);
  for (std::int64_t section = 0; section < sections; ++section) {
    const std::string y = text.buffer(shape);
    const std::string b0 = text.constant(0.2 + 0.1 * draw.group.uniform()), b1 = text.constant(0.3),
                      b2 = text.constant(0.15), a1 = text.constant(0.4), a2 = text.constant(0.25);
    const std::string memory = states ? text.buffer({channels, 2}) : "";
    const auto step = [&](const std::string& channel, const std::string& i) {
      const std::string now = text.load(x, at(channel, i));
      std::string value = text.mul(b0, now);
      if (states) {  // transposed form: two numbers a channel
        const std::string s1 = listed({channel, "0"}), s2 = listed({channel, "1"});
        value = text.add(value, text.load(memory, s1));
        text.store(text.add(text.sub(text.mul(b1, now), text.mul(a1, value)), text.load(memory, s2)), memory,
                   s1);
        text.store(text.sub(text.mul(b2, now), text.mul(a2, value)), memory, s2);
      } else {
        value = text.add(value, text.mul(b1, text.load(x, at(channel, i + " - 1"))));
        value = text.add(value, text.mul(b2, text.load(x, at(channel, i + " - 2"))));
        value = text.sub(value, text.mul(a1, text.load(y, at(channel, i + " - 1"))));
        value = text.sub(value, text.mul(a2, text.load(y, at(channel, i + " - 2"))));
      }
      text.store(value, y, at(channel, i));
    };
    if (channels_inside)
      text.loop(2, n, [&](const std::string& i) {
        text.loop(0, channels, [&](const std::string& channel) { step(channel, i); });
      });
    else
      text.loop(0, channels, [&](const std::string& channel) {
        text.loop(2, n, [&](const std::string& i) { step(channel, i); });
      });
    x = y;
  }
}

void write_window(KernelText& text, KernelDraw& draw) {
  // What is least, greatest, in the middle or weighted by likeness in a window around each element.
  const auto kind = draw.pick(0, 3), size = draw.pick(3, 5);
  const bool flat = draw.chance(0.5), written_out = kind >= 2 || draw.chance(0.5);
  const std::int64_t points = flat ? size : size * size;
  const auto dims = draw.extents(flat ? 1 : 2, static_cast<double>(points), 6);
  auto larger = dims;
  for (auto& dim : larger) dim += size;
  const std::string x = text.buffer(larger), y = text.buffer(dims);
  const auto joined = [&](const std::string& a, const std::string& b) {
    return kind == 0 ? text.min(a, b) : text.max(a, b);
  };
  text.nest(dims, [&](const std::vector<std::string>& iv) {
    const auto at = [&](std::int64_t r, std::int64_t c) {
      return text.load(x, flat ? scaled(iv[0], 1, c) : listed({scaled(iv[0], 1, r), scaled(iv[1], 1, c)}));
    };
    if (!written_out) {
      const std::string start = text.load(x, listed(iv));
      const auto row = [&](const std::string& r, const std::string& so_far) {
        return text.reduce(0, size, so_far, [&](const std::string& c, const std::string& most) {
          return joined(
              most, text.load(x, flat ? iv[0] + " + " + c : listed({iv[0] + " + " + r, iv[1] + " + " + c})));
        });
      };
      text.store(flat ? row("", start) : text.reduce(0, size, start, row), y, listed(iv));
      return;
    }
    if (kind <= 1) {
      std::string value;
      for (std::int64_t r = 0; r < (flat ? 1 : size); ++r)
        for (std::int64_t c = 0; c < size; ++c) value = value.empty() ? at(r, c) : joined(value, at(r, c));
      text.store(value, y, listed(iv));
      return;
    }
    if (kind == 2) {  // the middle of three, and of the middles of three rows
      const auto middle = [&](const std::string& a, const std::string& b, const std::string& c) {
        return text.max(text.min(a, b), text.min(text.max(a, b), c));
      };
      std::vector<std::string> rows;
      for (std::int64_t r = 0; r < (flat ? 1 : 3); ++r) rows.push_back(middle(at(r, 0), at(r, 1), at(r, 2)));
      text.store(flat ? rows[0] : middle(rows[0], rows[1], rows[2]), y, listed(iv));
      return;
    }
    const std::string centre = at(flat ? 0 : 1, 1);
    std::string sum, weights;
    for (std::int64_t r = 0; r < (flat ? 1 : 3); ++r)
      for (std::int64_t c = 0; c < 3; ++c) {
        const std::string value = at(r, c), off = text.sub(value, centre);
        const std::string weight =
            text.div(text.constant(1.0), text.add(text.constant(1.0), text.mul(off, off)));
        sum = sum.empty() ? text.mul(weight, value) : text.add(sum, text.mul(weight, value));
        weights = weights.empty() ? weight : text.add(weights, weight);
      }
    text.store(text.div(sum, weights), y, listed(iv));
  });
}

}  // namespace hone::cost
