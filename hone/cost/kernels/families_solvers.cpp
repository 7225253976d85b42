// Triangular loops, solvers, contractions, updates by outer products, statistics.
#include <algorithm>

#include <fmt/format.h>

#include "hone/cost/kernels/families.h"

namespace hone::cost {

namespace {

std::int64_t cube(KernelDraw& draw, double per, double power) {
  const double work = static_cast<double>(draw.extents(1, per, 64).front());
  return std::max<std::int64_t>(4, std::lround(std::pow(work, 1.0 / power)));
}

}  // namespace

void write_triangular(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 3);
  const bool inner_sum = draw.chance(0.5);
  const std::int64_t n = cube(draw, 0.5, 3.0);
  const std::int64_t m = std::max<std::int64_t>(
      4, n - static_cast<std::int64_t>(draw.size.below(static_cast<std::uint64_t>(n / 2 + 1))));
  const std::string c = text.buffer({n, n}), a = text.buffer({n, m}), alpha = text.scalar();
  const std::string b = kind == 1 ? text.buffer({n, m}) : "";
  const auto update = [&](const std::string& i, const std::string& j, const std::string& k) {
    std::string value = text.mul(text.mul(alpha, text.load(a, listed({i, k}))), text.load(a, listed({j, k})));
    if (kind == 1)
      value = text.add(text.mul(text.mul(alpha, text.load(a, listed({i, k}))), text.load(b, listed({j, k}))),
                       text.mul(text.mul(alpha, text.load(b, listed({i, k}))), text.load(a, listed({j, k}))));
    text.store(text.add(text.load(c, listed({i, j})), value), c, listed({i, j}));
  };
  if (kind <= 1) {  // symmetric rank-k and rank-2k updates
    text.loop(0, n, [&](const std::string& i) {
      if (inner_sum) {
        text.loop("0", i + " + 1", [&](const std::string& j) {
          text.loop(0, m, [&](const std::string& k) { update(i, j, k); });
        });
      } else {
        text.loop(0, m, [&](const std::string& k) {
          text.loop("0", i + " + 1", [&](const std::string& j) { update(i, j, k); });
        });
      }
    });
  } else if (kind == 2) {  // a triangular matrix times a matrix, in place
    const std::string t = text.buffer({n, n});
    text.nest({n, m}, [&](const std::vector<std::string>& iv) {
      text.loop(iv[0] + " + 1", fmt::format("{}", n), [&](const std::string& k) {
        const std::string place = listed({iv[0], iv[1]});
        text.store(text.add(text.load(a, place),
                            text.mul(text.load(t, listed({k, iv[0]})), text.load(a, listed({k, iv[1]})))),
                   a, place);
      });
    });
  } else {  // a triangular part, element by element
    text.loop(0, n, [&](const std::string& i) {
      text.loop(inner_sum ? i : "0", inner_sum ? fmt::format("{}", n) : i + " + 1",
                [&](const std::string& j) {
                  const std::string place = listed({i, j});
                  text.store(text.add(text.mul(text.load(c, place), alpha), text.load(c, listed({j, i}))), c,
                             place);
                });
    });
  }
}

void write_solve(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 2);
  if (kind == 0) {  // forward substitution, one or several right-hand sides
    const bool several = draw.chance(0.5);
    const std::int64_t n = cube(draw, 0.5, several ? 3.0 : 2.0),
                       m = several ? std::max<std::int64_t>(2, n / 2) : 1;
    const std::string l = text.buffer({n, n}),
                      x = text.buffer(several ? KernelText::Dims{n, m} : KernelText::Dims{n});
    text.loop(0, n, [&](const std::string& i) {
      const auto solve = [&](const std::string& column) {
        const auto at = [&](const std::string& row) { return column.empty() ? row : listed({row, column}); };
        text.loop("0", i, [&](const std::string& j) {
          text.store(
              text.sub(text.load(x, at(i)), text.mul(text.load(l, listed({i, j})), text.load(x, at(j)))), x,
              at(i));
        });
        text.store(text.div(text.load(x, at(i)), text.load(l, listed({i, i}))), x, at(i));
      };
      if (several) {
        text.loop(0, m, solve);
      } else {
        solve("");
      }
    });
    return;
  }
  const std::int64_t n = cube(draw, 1.0 / 3.0, 3.0);
  const std::string a = text.buffer({n, n});
  const auto subtract = [&](const std::string& place, const std::string& left, const std::string& right) {
    text.store(text.sub(text.load(a, place), text.mul(text.load(a, left), text.load(a, right))), a, place);
  };
  const bool right_looking = draw.chance(0.5);
  const std::string end = fmt::format("{}", n);
  if (right_looking) {  // LU, the rest of the matrix updated by each pivot
    text.loop(0, n, [&](const std::string& k) {
      text.loop(k + " + 1", end, [&](const std::string& i) {
        text.store(text.div(text.load(a, listed({i, k})), text.load(a, listed({k, k}))), a, listed({i, k}));
        text.loop(k + " + 1", end, [&](const std::string& j) {
          subtract(listed({i, j}), listed({i, k}), listed({k, j}));
        });
      });
    });
    return;
  }
  text.loop(0, n, [&](const std::string& i) {  // row by row: LU, or Cholesky's lower half
    text.loop("0", i, [&](const std::string& j) {
      text.loop("0", j, [&](const std::string& k) {
        subtract(listed({i, j}), listed({i, k}), kind == 1 ? listed({k, j}) : listed({j, k}));
      });
      text.store(text.div(text.load(a, listed({i, j})), text.load(a, listed({j, j}))), a, listed({i, j}));
    });
    if (kind == 1) {
      text.loop(i, end, [&](const std::string& j) {
        text.loop("0", i, [&](const std::string& k) {
          subtract(listed({i, j}), listed({i, k}), listed({k, j}));
        });
      });
    } else {
      text.loop("0", i, [&](const std::string& k) {
        subtract(listed({i, i}), listed({i, k}), listed({i, k}));
      });
      text.store(text.unary("math.sqrt", text.load(a, listed({i, i}))), a, listed({i, i}));
    }
  });
}

void write_contraction(KernelText& text, KernelDraw& draw) {
  // out[kept] += left[..] * right[..]: each index belongs to two or three of them.
  const auto count = static_cast<std::size_t>(draw.pick(3, 5));
  std::vector<std::size_t> left, right, out;
  for (std::size_t index = 0; index < count; ++index) {
    const auto where = index < 3 ? static_cast<std::int64_t>(index) : draw.pick(0, 2);
    if (where != 0) left.push_back(index);
    if (where != 1) right.push_back(index);
    if (where != 2) out.push_back(index);
  }
  const auto shuffle = [&](std::vector<std::size_t>& order) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[draw.group.below(i)]);
  };
  std::vector<std::size_t> loops(count);
  for (std::size_t i = 0; i < count; ++i) loops[i] = i;
  for (auto* order : {&left, &right, &out, &loops}) shuffle(*order);
  const auto extents = draw.extents(count);
  const auto buffer = [&](const std::vector<std::size_t>& order) {
    KernelText::Dims dims;
    for (const auto index : order) dims.push_back(extents[index]);
    return text.buffer(dims);
  };
  const std::string a = buffer(left), b = buffer(right), c = buffer(out);
  KernelText::Dims nest;
  for (const auto index : loops) nest.push_back(extents[index]);
  text.nest(nest, [&](const std::vector<std::string>& iv) {
    std::vector<std::string> named(count);
    for (std::size_t level = 0; level < count; ++level) named[loops[level]] = iv[level];
    const auto at = [&](const std::vector<std::size_t>& order) {
      std::vector<std::string> indices;
      for (const auto index : order) indices.push_back(named[index]);
      return listed(indices);
    };
    text.store(text.add(text.load(c, at(out)), text.mul(text.load(a, at(left)), text.load(b, at(right)))), c,
               at(out));
  });
}

void write_outer_product(KernelText& text, KernelDraw& draw) {
  const auto terms = draw.pick(1, 3);
  const bool column_first = draw.chance(0.3), then_multiplies = draw.chance(0.4);
  const auto dims = draw.extents(2, 1.0, 4);
  const std::string a = text.buffer(dims);
  std::vector<std::pair<std::string, std::string>> vectors;
  for (std::int64_t i = 0; i < terms; ++i)
    vectors.emplace_back(text.buffer({dims[0]}), text.buffer({dims[1]}));
  text.nest({dims[column_first ? 1 : 0], dims[column_first ? 0 : 1]},
            [&](const std::vector<std::string>& iv) {
              const std::string& row = iv[column_first ? 1 : 0];
              const std::string& column = iv[column_first ? 0 : 1];
              std::string value = text.load(a, listed({row, column}));
              for (const auto& [u, v] : vectors)
                value = text.add(value, text.mul(text.load(u, row), text.load(v, column)));
              text.store(value, a, listed({row, column}));
            });
  if (!then_multiplies) return;
  text.nest(dims, [&](const std::vector<std::string>& iv) {
    const std::string& y = vectors.front().first;
    const std::string& x = vectors.front().second;
    text.store(text.add(text.load(y, iv[0]), text.mul(text.load(a, listed(iv)), text.load(x, iv[1]))), y,
               iv[0]);
  });
}

void write_statistics(KernelText& text, KernelDraw& draw) {
  const bool scaled = draw.chance(0.5), whole = draw.chance(0.4);
  const auto dims = draw.extents(3, 1.0, 6);
  const auto rows = std::max(dims[0], dims[1]),
             columns = std::max<std::int64_t>(4, std::min(dims[1], dims[2]));
  const std::string data = text.buffer({rows, columns}), mean = text.buffer({columns});
  const std::string spread = scaled ? text.buffer({columns}) : "", out = text.buffer({columns, columns});
  const std::string zero = text.constant(0.0), share = text.constant(1.0 / static_cast<double>(rows));
  text.loop(0, columns, [&](const std::string& j) {
    text.store(zero, mean, j);
    text.loop(0, rows, [&](const std::string& i) {
      text.store(text.add(text.load(mean, j), text.load(data, listed({i, j}))), mean, j);
    });
    text.store(text.mul(text.load(mean, j), share), mean, j);
  });
  if (scaled)
    text.loop(0, columns, [&](const std::string& j) {
      text.store(zero, spread, j);
      text.loop(0, rows, [&](const std::string& i) {
        const std::string off = text.sub(text.load(data, listed({i, j})), text.load(mean, j));
        text.store(text.add(text.load(spread, j), text.mul(off, off)), spread, j);
      });
      text.store(text.unary("math.sqrt", text.load(spread, j)), spread, j);
    });
  text.nest({rows, columns}, [&](const std::vector<std::string>& iv) {
    std::string value = text.sub(text.load(data, listed(iv)), text.load(mean, iv[1]));
    if (scaled) value = text.div(value, text.load(spread, iv[1]));
    text.store(value, data, listed(iv));
  });
  text.loop(0, columns, [&](const std::string& i) {
    text.loop(whole ? "0" : i, fmt::format("{}", columns), [&](const std::string& j) {
      text.store(zero, out, listed({i, j}));
      text.loop(0, rows, [&](const std::string& k) {
        text.store(text.add(text.load(out, listed({i, j})),
                            text.mul(text.load(data, listed({k, i})), text.load(data, listed({k, j})))),
                   out, listed({i, j}));
      });
    });
  });
}

}  // namespace hone::cost
