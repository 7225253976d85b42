// Physics and linear algebra of special shapes: lattices, bands, symmetric halves, Kronecker products, small
// matrices, written-out kernels, formulas, loops of hydrodynamics.
#include <algorithm>

#include <fmt/format.h>

#include "hone/cost/kernels/families.h"

namespace hone::cost {

void write_lattice(KernelText& text, KernelDraw& draw) {
  // Lattice Boltzmann with five or nine velocities: populations come from neighbours and relax to
  // equilibrium.
  static const std::vector<std::pair<int, int>> ways = {{0, 0}, {1, 0},  {0, 1},   {-1, 0}, {0, -1},
                                                        {1, 1}, {-1, 1}, {-1, -1}, {1, -1}};
  const std::size_t count = draw.chance(0.5) ? 5 : 9;
  const bool together = draw.chance(0.3), quadratic = draw.chance(0.5);
  const auto dims = draw.extents(2, 6.0 * static_cast<double>(count), 4);
  const auto q = static_cast<std::int64_t>(count), rows = dims[0] + 2, columns = dims[1] + 2;
  const auto populations = [&] {
    return text.buffer(together ? KernelText::Dims{rows, columns, q} : KernelText::Dims{q, rows, columns});
  };
  const std::string from = populations(), to = populations();
  const auto at = [&](std::size_t k, const std::string& r, const std::string& c) {
    const std::string way = fmt::format("{}", k);
    return together ? listed({r, c, way}) : listed({way, r, c});
  };
  const auto moved = [](const std::string& iv, int by) {
    return by == 0 ? iv : by > 0 ? iv + " + 1" : iv + " - 1";
  };
  text.loop(1, rows - 1, [&](const std::string& r) {
    text.loop(1, columns - 1, [&](const std::string& c) {
      std::vector<std::string> f;
      std::string density, along, across;
      for (std::size_t k = 0; k < count; ++k) {
        f.push_back(text.load(from, at(k, moved(r, -ways[k].first), moved(c, -ways[k].second))));
        density = k == 0 ? f[0] : text.add(density, f[k]);
        const auto join = [&](std::string& sum, int by) {
          if (by != 0) sum = sum.empty() ? f[k] : by > 0 ? text.add(sum, f[k]) : text.sub(sum, f[k]);
        };
        join(along, ways[k].first);
        join(across, ways[k].second);
      }
      const std::string u = text.div(along, density), v = text.div(across, density);
      const std::string square = text.add(text.mul(u, u), text.mul(v, v));
      for (std::size_t k = 0; k < count; ++k) {
        std::string way = text.constant(1.0);
        if (ways[k].first != 0)
          way = ways[k].first > 0 ? text.add(way, text.mul(text.constant(3.0), u))
                                  : text.sub(way, text.mul(text.constant(3.0), u));
        if (ways[k].second != 0)
          way = ways[k].second > 0 ? text.add(way, text.mul(text.constant(3.0), v))
                                   : text.sub(way, text.mul(text.constant(3.0), v));
        if (quadratic) way = text.sub(way, text.mul(text.constant(1.5), square));
        const std::string rest =
            text.mul(text.mul(density, text.constant(1.0 / static_cast<double>(count))), way);
        text.store(text.add(f[k], text.mul(text.constant(0.6), text.sub(rest, f[k]))), to, at(k, r, c));
      }
    });
  });
}

void write_banded(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 3), width = draw.pick(1, 4);
  const bool systems_inside = draw.chance(0.5), diagonals = draw.chance(0.5);
  const auto dims = draw.extents(2, 2.0, 6);
  if (kind == 0) {  // a band times a vector
    const auto n = dims[0] * dims[1] / (2 * width + 1) + 4, band = 2 * width + 1;
    const std::string a = text.buffer(diagonals ? KernelText::Dims{band, n} : KernelText::Dims{n, band});
    const std::string x = text.buffer({n + band}), y = text.buffer({n});
    text.nest(diagonals ? KernelText::Dims{band, n} : KernelText::Dims{n, band},
              [&](const std::vector<std::string>& iv) {
                const std::string& i = iv[diagonals ? 1 : 0];
                const std::string& k = iv[diagonals ? 0 : 1];
                text.accumulate(y, i, text.mul(text.load(a, listed(iv)), text.load(x, i + " + " + k)));
              });
    return;
  }
  // Many systems of three diagonals: elimination, then substitution.
  const auto systems = dims[0], n = dims[1] + 2;
  const auto array = [&] {
    return text.buffer(systems_inside ? KernelText::Dims{n, systems} : KernelText::Dims{systems, n});
  };
  const std::string lower = array(), middle = array(), upper = array(), right = array();
  const auto at = [&](const std::string& s, const std::string& i) {
    return systems_inside ? listed({i, s}) : listed({s, i});
  };
  const auto each = [&](std::int64_t low, std::int64_t high, const auto& body) {
    if (systems_inside)
      text.loop(low, high, [&](const std::string& i) {
        text.loop(0, systems, [&](const std::string& s) { body(s, i); });
      });
    else
      text.loop(0, systems, [&](const std::string& s) {
        text.loop(low, high, [&](const std::string& i) { body(s, i); });
      });
  };
  each(1, n, [&](const std::string& s, const std::string& i) {
    const std::string before = at(s, i + " - 1"), here = at(s, i);
    const std::string factor = text.div(text.load(lower, here), text.load(middle, before));
    text.store(text.sub(text.load(middle, here), text.mul(factor, text.load(upper, before))), middle, here);
    text.store(text.sub(text.load(right, here), text.mul(factor, text.load(right, before))), right, here);
  });
  if (kind == 1) return;
  each(1, n, [&](const std::string& s, const std::string& k) {
    const std::string i = fmt::format("{} - {}", n - 1, k);
    const std::string here = at(s, i), after = at(s, fmt::format("{} - {}", n, k));
    const std::string left =
        text.sub(text.load(right, here), text.mul(text.load(upper, here), text.load(right, after)));
    text.store(text.div(left, text.load(middle, here)), right, here);
  });
}

void write_symmetric(KernelText& text, KernelDraw& draw) {
  // The lower half of a symmetric matrix, each element used for its row and for its column.
  const auto kind = draw.pick(0, 2);
  const bool in_register = draw.chance(0.4);
  const auto n = std::max<std::int64_t>(
      6, static_cast<std::int64_t>(std::sqrt(2.0 * static_cast<double>(draw.extents(1, 1.0, 32).front()))));
  const std::string a = text.buffer({n, n}), x = text.buffer({n}), y = text.buffer({n});
  text.loop(0, n, [&](const std::string& i) {
    if (kind == 0) {  // times a vector
      text.loop("0", i, [&](const std::string& j) {
        const std::string value = text.load(a, listed({i, j}));
        text.accumulate(y, j, text.mul(value, text.load(x, i)));
        text.accumulate(y, i, text.mul(value, text.load(x, j)));
      });
      text.accumulate(y, i, text.mul(text.load(a, listed({i, i})), text.load(x, i)));
    } else if (kind == 1) {  // a rank-one update of the half
      const std::string factor = text.load(x, i);
      text.loop("0", i + " + 1", [&](const std::string& j) {
        text.store(
            text.add(text.load(a, listed({i, j})), text.mul(factor, text.load(in_register ? x : y, j))), a,
            listed({i, j}));
      });
    } else {  // mirrored
      text.loop("0", i, [&](const std::string& j) {
        const std::string value = text.load(a, listed({i, j}));
        text.store(in_register ? text.mul(value, text.load(x, j)) : value, a, listed({j, i}));
      });
    }
  });
}

void write_kronecker(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 1);
  const auto dims = draw.extents(4, 1.0, 2);
  const std::string a = text.buffer({dims[0], dims[1]}), b = text.buffer({dims[2], dims[3]});
  if (kind == 0) {  // all products of elements
    const bool folded = draw.chance(0.5);
    const std::string out = text.buffer(folded ? KernelText::Dims{dims[0] * dims[2], dims[1] * dims[3]}
                                               : KernelText::Dims{dims[0], dims[2], dims[1], dims[3]});
    text.nest({dims[0], dims[2], dims[1], dims[3]}, [&](const std::vector<std::string>& iv) {
      const std::string value =
          text.mul(text.load(a, listed({iv[0], iv[2]})), text.load(b, listed({iv[1], iv[3]})));
      text.store(value, out,
                 folded ? listed({fmt::format("{} * {} + {}", iv[0], dims[2], iv[1]),
                                  fmt::format("{} * {} + {}", iv[2], dims[3], iv[3])})
                        : listed(iv));
    });
    return;
  }
  // A tensor of three axes times two matrices (MTTKRP): out[i, r] += t[i, j, k] * b[j, r] * c[k, r].
  const std::string t = text.buffer({dims[0], dims[2], dims[1]}), c = text.buffer({dims[1], dims[3]}),
                    out = text.buffer({dims[0], dims[3]});
  text.nest({dims[0], dims[2], dims[1], dims[3]}, [&](const std::vector<std::string>& iv) {
    const std::string value =
        text.mul(text.mul(text.load(t, listed({iv[0], iv[1], iv[2]})), text.load(b, listed({iv[1], iv[3]}))),
                 text.load(c, listed({iv[2], iv[3]})));
    text.accumulate(out, listed({iv[0], iv[3]}), value);
  });
}

void write_small_matrices(KernelText& text, KernelDraw& draw) {
  const auto size = draw.pick(2, 4), kind = draw.pick(0, 3);
  const bool batch_inside = draw.chance(0.4), written_out = draw.chance(0.6);
  const auto n = draw.extents(1, static_cast<double>(size * size * size), 4).front();
  const auto matrices = [&] {
    return text.buffer(batch_inside ? KernelText::Dims{size, size, n} : KernelText::Dims{n, size, size});
  };
  const auto vectors = [&] {
    return text.buffer(batch_inside ? KernelText::Dims{size, n} : KernelText::Dims{n, size});
  };
  const auto at = [&](const std::string& one, const std::vector<std::string>& place) {
    return batch_inside ? listed(place) + ", " + one : one + ", " + listed(place);
  };
  const auto number = [](std::int64_t i) { return fmt::format("{}", i); };
  const std::string a = matrices();
  if (kind == 0 && !written_out) {
    const std::string b = matrices(), c = matrices();
    text.loop(0, n, [&](const std::string& one) {
      text.nest({size, size, size}, [&](const std::vector<std::string>& iv) {
        text.accumulate(
            c, at(one, {iv[0], iv[1]}),
            text.mul(text.load(a, at(one, {iv[0], iv[2]})), text.load(b, at(one, {iv[2], iv[1]}))));
      });
    });
  } else if (kind == 0) {
    const std::string b = matrices(), c = matrices();
    text.loop(0, n, [&](const std::string& one) {
      for (std::int64_t i = 0; i < size; ++i)
        for (std::int64_t j = 0; j < size; ++j) {
          std::string sum;
          for (std::int64_t k = 0; k < size; ++k) {
            const std::string part = text.mul(text.load(a, at(one, {number(i), number(k)})),
                                              text.load(b, at(one, {number(k), number(j)})));
            sum = sum.empty() ? part : text.add(sum, part);
          }
          text.store(sum, c, at(one, {number(i), number(j)}));
        }
    });
  } else if (kind == 1) {  // each times a vector
    const std::string x = vectors(), y = vectors();
    text.loop(0, n, [&](const std::string& one) {
      for (std::int64_t i = 0; i < size; ++i) {
        std::string sum;
        for (std::int64_t k = 0; k < size; ++k) {
          const std::string part =
              text.mul(text.load(a, at(one, {number(i), number(k)})), text.load(x, at(one, {number(k)})));
          sum = sum.empty() ? part : text.add(sum, part);
        }
        text.store(sum, y, at(one, {number(i)}));
      }
    });
  } else if (kind == 2) {  // one matrix times all vectors
    const std::string m = text.buffer({size, size}), x = vectors(), y = vectors();
    text.loop(0, n, [&](const std::string& one) {
      for (std::int64_t i = 0; i < size; ++i) {
        std::string sum;
        for (std::int64_t k = 0; k < size; ++k) {
          const std::string part =
              text.mul(text.load(m, listed({number(i), number(k)})), text.load(x, at(one, {number(k)})));
          sum = sum.empty() ? part : text.add(sum, part);
        }
        text.store(sum, y, at(one, {number(i)}));
      }
    });
  } else {  // inverses of the upper left two by two
    const std::string b = matrices();
    text.loop(0, n, [&](const std::string& one) {
      const auto element = [&](int i, int j) { return text.load(a, at(one, {number(i), number(j)})); };
      const std::string p = element(0, 0), q = element(0, 1), r = element(1, 0), s = element(1, 1);
      const std::string inverse = text.div(text.constant(1.0), text.sub(text.mul(p, s), text.mul(q, r)));
      const std::string minus = text.sub(text.constant(0.0), inverse);
      text.store(text.mul(s, inverse), b, at(one, {"0", "0"}));
      text.store(text.mul(q, minus), b, at(one, {"0", "1"}));
      text.store(text.mul(r, minus), b, at(one, {"1", "0"}));
      text.store(text.mul(p, inverse), b, at(one, {"1", "1"}));
    });
  }
}

void write_written_out(KernelText& text, KernelDraw& draw) {
  // As programmers unroll by hand.
  const auto kind = draw.pick(0, 3), by = draw.any(std::vector<std::int64_t>{2, 4, 8});
  const auto dims = draw.extents(2, 2.0, 4);
  const auto number = [](std::int64_t i) { return fmt::format("{}", i); };
  const auto place = [&](const std::string& i, std::int64_t k) { return fmt::format("{} + {}", i, k); };
  if (kind == 0) {  // a sum of products in several sums
    const auto n = dims[0] * dims[1] / by * by + by;
    const std::string x = text.buffer({n}), y = text.buffer({n}), sums = text.buffer({by}),
                      out = text.buffer({1});
    text.loop(
        0, n,
        [&](const std::string& i) {
          for (std::int64_t k = 0; k < by; ++k)
            text.accumulate(sums, number(k), text.mul(text.load(x, place(i, k)), text.load(y, place(i, k))));
        },
        by);
    std::string total = text.load(sums, "0");
    for (std::int64_t k = 1; k < by; ++k) total = text.add(total, text.load(sums, number(k)));
    text.store(total, out, "0");
  } else if (kind == 1) {  // y += a x
    const auto n = dims[0] * dims[1] / by * by + by;
    const std::string x = text.buffer({n}), y = text.buffer({n}), a = text.scalar();
    text.loop(
        0, n,
        [&](const std::string& i) {
          for (std::int64_t k = 0; k < by; ++k)
            text.accumulate(y, place(i, k), text.mul(a, text.load(x, place(i, k))));
        },
        by);
  } else if (kind == 2) {  // a block of a matrix product in registers
    const auto size = std::min<std::int64_t>(by, 4);
    const auto m = draw.extents(3, 1.0, 4);
    const auto rows = m[0] / size * size + size, columns = m[1] / size * size + size, inner = m[2];
    const std::string a = text.buffer({rows, inner}), b = text.buffer({inner, columns}),
                      c = text.buffer({rows, columns});
    text.loop(
        0, rows,
        [&](const std::string& i) {
          text.loop(
              0, columns,
              [&](const std::string& j) {
                text.loop(0, inner, [&](const std::string& k) {
                  std::vector<std::string> left, right;
                  for (std::int64_t r = 0; r < size; ++r)
                    left.push_back(text.load(a, listed({place(i, r), k})));
                  for (std::int64_t s = 0; s < size; ++s)
                    right.push_back(text.load(b, listed({k, place(j, s)})));
                  for (std::size_t r = 0; r < left.size(); ++r)
                    for (std::size_t s = 0; s < right.size(); ++s)
                      text.accumulate(c,
                                      listed({place(i, static_cast<std::int64_t>(r)),
                                              place(j, static_cast<std::int64_t>(s))}),
                                      text.mul(left[r], right[s]));
                });
              },
              size);
        },
        size);
  } else {  // several rows of a matrix times a vector at once
    const auto rows = dims[0] / by * by + by, columns = dims[1];
    const std::string a = text.buffer({rows, columns}), x = text.buffer({columns}), y = text.buffer({rows});
    text.loop(
        0, rows,
        [&](const std::string& i) {
          text.loop(0, columns, [&](const std::string& j) {
            const std::string value = text.load(x, j);
            for (std::int64_t k = 0; k < by; ++k)
              text.accumulate(y, place(i, k), text.mul(text.load(a, listed({place(i, k), j})), value));
          });
        },
        by);
  }
}

void write_formula(KernelText& text, KernelDraw& draw) {
  // Long formulas of a few inputs, element by element: prices of options, equations of state, angles.
  const auto kind = draw.pick(0, 3);
  const auto n = draw.extents(1, 10.0, 8).front();
  std::vector<std::string> in;
  for (int i = 0; i < 4; ++i) in.push_back(text.buffer({n}));
  const std::string out = text.buffer({n}), other = text.buffer({n});
  text.loop(0, n, [&](const std::string& i) {
    const std::string a = text.load(in[0], i), b = text.load(in[1], i), c = text.load(in[2], i),
                      d = text.load(in[3], i);
    const std::string one = text.constant(1.0), half = text.constant(0.5);
    if (kind == 0) {  // Black and Scholes, with a logistic curve for the normal distribution
      const std::string root = text.unary("math.sqrt", c), spread = text.mul(d, root);
      const std::string up = text.div(
          text.add(text.unary("math.log", text.div(a, b)), text.mul(text.mul(half, text.mul(d, d)), c)),
          spread);
      const auto curve = [&](const std::string& x) {
        return text.div(one, text.add(one, text.unary("math.exp", text.mul(x, text.constant(-1.702)))));
      };
      const std::string left = curve(up), right = curve(text.sub(up, spread));
      const std::string price = text.sub(text.mul(a, left), text.mul(b, right));
      text.store(price, out, i);
      text.store(text.add(text.sub(price, a), b), other, i);
    } else if (kind == 1) {  // van der Waals: pressure and the speed of sound
      const std::string volume = text.sub(one, text.mul(b, text.constant(0.1)));
      const std::string pressure = text.sub(text.div(text.mul(a, c), volume), text.mul(d, text.mul(a, a)));
      text.store(pressure, out, i);
      text.store(text.unary("math.sqrt", text.add(text.mul(pressure, pressure), one)), other, i);
    } else if (kind == 2) {  // polar to Cartesian, turned
      const std::string angle = text.add(a, b);
      const std::string x = text.mul(c, text.unary("math.cos", angle)),
                        y = text.mul(c, text.unary("math.sin", angle));
      text.store(text.add(x, d), out, i);
      text.store(text.sub(y, d), other, i);
    } else {  // a mixed norm, and a soft sign of it
      const std::string sum = text.add(text.add(text.mul(a, a), text.mul(b, b)), text.mul(c, c));
      const std::string norm = text.unary("math.sqrt", sum);
      text.store(text.div(d, text.add(one, norm)), out, i);
      text.store(text.max(text.sub(norm, d), text.constant(0.0)), other, i);
    }
  });
}

void write_hydrodynamics(KernelText& text, KernelDraw& draw) {
  // One-dimensional fragments in the manner of the Livermore loops.
  const auto kind = draw.pick(0, 4);
  const auto n = draw.extents(1, 2.0, 16).front();
  const std::string x = text.buffer({n + 12}), y = text.buffer({n + 12}), z = text.buffer({n + 12}),
                    u = text.buffer({n + 12});
  const std::string q = text.scalar(), r = text.scalar(), t = text.scalar();
  const auto at = [&](const std::string& buffer, const std::string& i, int by) {
    return text.load(buffer, by == 0 ? i : fmt::format("{} + {}", i, by));
  };
  text.loop(0, n, [&](const std::string& i) {
    if (kind == 0) {
      const std::string sum = text.add(text.mul(r, at(z, i, 10)), text.mul(t, at(z, i, 11)));
      text.store(text.add(q, text.mul(at(y, i, 0), sum)), x, i);
    } else if (kind == 1) {
      text.store(text.mul(at(z, i, 1), text.sub(at(y, i, 1), at(x, i, 0))), x, i + " + 1");
    } else if (kind == 2) {
      const auto inner = [&](int by) {
        return text.add(text.mul(r, text.add(at(z, i, by), text.mul(r, at(y, i, by)))), at(u, i, by));
      };
      text.store(text.add(inner(0), text.mul(t, text.add(inner(3), text.mul(q, inner(6))))), x, i);
    } else if (kind == 3) {
      text.store(text.sub(at(y, i, 1), at(y, i, 0)), x, i);
      text.store(text.add(at(u, i, 0), text.mul(q, at(x, i, 0))), u, i);
    } else {
      const std::string flux = text.mul(text.sub(at(y, i, 2), at(y, i, 0)), q);
      const std::string limited = text.min(text.max(flux, text.sub(text.constant(0.0), r)), r);
      text.store(text.sub(at(z, i, 1), text.mul(limited, text.sub(at(u, i, 2), at(u, i, 0)))), x, i);
    }
  });
}

}  // namespace hone::cost
