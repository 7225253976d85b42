// Data: places known only when it runs, counts by value, tables filled cell by cell, distances, bodies,
// choices, networks that sort, many statistics at once, random numbers, fixed numbers of iterations.
#include <algorithm>

#include <fmt/format.h>

#include "hone/cost/kernels/families.h"

namespace hone::cost {

void write_gather(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 3);
  const bool near = draw.chance(0.3), computes = draw.chance(0.4);
  const auto dims = draw.extents(2, 1.0, 4);
  const std::int64_t n = kind <= 1 ? dims[0] * dims[1] : dims[0], width = dims[1];
  const std::string where = kind == 1 ? "" : text.integers({n});
  const std::int64_t entries = std::max<std::int64_t>(16, n);
  const auto place_of = [&](const std::string& i) {
    return text.place(text.load(where, i), i, entries, near);
  };
  if (kind == 0) {  // elements
    const std::string table = text.buffer({entries}), out = text.buffer({n}), other = text.buffer({n});
    text.loop(0, n, [&](const std::string& i) {
      std::string value = text.load_at(table, place_of(i));
      if (computes) value = random_expression(text, draw, {value, text.load(other, i)}, 4);
      text.store(value, out, i);
    });
  } else if (kind == 1) {  // a sum of products with elements of a vector: a row of a sparse matrix
    const std::int64_t rows = dims[0];
    const std::string columns = text.integers({rows, width}), values = text.buffer({rows, width}),
                      x = text.buffer({entries}), y = text.buffer({rows});
    text.loop(0, rows, [&](const std::string& row) {
      const std::string start = text.constant(0.0);
      const std::string sum =
          text.reduce(0, width, start, [&](const std::string& k, const std::string& so_far) {
            const std::string at = text.place(text.load(columns, listed({row, k})), k, entries, near);
            return text.add(so_far, text.mul(text.load(values, listed({row, k})), text.load_at(x, at)));
          });
      text.store(sum, y, row);
    });
  } else if (kind == 2) {  // rows of a table
    const std::string table = text.buffer({entries, width}), out = text.buffer({n, width});
    text.loop(0, n, [&](const std::string& i) {
      const std::string row = place_of(i);
      text.loop(0, width, [&](const std::string& k) {
        std::string value = text.load_at(table, listed({row, k}));
        if (computes) value = text.add(value, text.load(out, listed({i, k})));
        text.store(value, out, listed({i, k}));
      });
    });
  } else {  // rows added up
    const std::string table = text.buffer({entries, width}), out = text.buffer({width});
    text.loop(0, n, [&](const std::string& i) {
      const std::string row = place_of(i);
      text.loop(0, width, [&](const std::string& k) {
        text.accumulate(out, k, text.load_at(table, listed({row, k})));
      });
    });
  }
}

void write_scatter(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 2);
  const bool near = draw.chance(0.2);
  const auto bins = draw.any(std::vector<std::int64_t>{16, 64, 256, 4096});
  const auto dims = draw.extents(2, 1.0, 4);
  const std::int64_t n = kind == 2 ? dims[0] : dims[0] * dims[1];
  const std::string keys = text.integers({n});
  if (kind == 0) {  // a histogram, or sums by key
    const std::string counts = text.buffer({bins}), values = text.buffer({n});
    const bool weighted = draw.chance(0.5);
    text.loop(0, n, [&](const std::string& i) {
      const std::string at = text.place(text.load(keys, i), i, bins, near);
      const std::string what = weighted ? text.load(values, i) : text.constant(1.0);
      text.store_at(text.add(text.load_at(counts, at), what), counts, at);
    });
  } else if (kind == 1) {  // elements to other places
    const std::string source = text.buffer({n}), target = text.buffer({n});
    text.loop(0, n, [&](const std::string& i) {
      const std::string at = text.place(text.load(keys, i), i, n, near);
      text.store_at(text.load(source, i), target, at);
    });
  } else {  // rows added to rows
    const std::string source = text.buffer({n, dims[1]}), target = text.buffer({bins, dims[1]});
    text.loop(0, n, [&](const std::string& i) {
      const std::string row = text.place(text.load(keys, i), i, bins, near);
      text.loop(0, dims[1], [&](const std::string& k) {
        const std::string at = listed({row, k});
        text.store_at(text.add(text.load_at(target, at), text.load(source, listed({i, k}))), target, at);
      });
    });
  }
}

void write_dynamic_programme(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 3);
  const auto dims = draw.extents(2, 1.0, 6);
  const auto rows = dims[0] + 1, columns = dims[1] + 1;
  const std::string table = text.buffer({rows, columns});
  if (kind <= 1) {  // alignment of two sequences: edit distance, or a local score
    const std::string a = text.buffer({rows}), b = text.buffer({columns});
    text.loop(1, rows, [&](const std::string& i) {
      text.loop(1, columns, [&](const std::string& j) {
        const std::string up = text.load(table, listed({i + " - 1", j})),
                          left = text.load(table, listed({i, j + " - 1"})),
                          corner = text.load(table, listed({i + " - 1", j + " - 1"}));
        const std::string one = text.constant(1.0), zero = text.constant(0.0);
        const std::string x = text.load(a, i), y = text.load(b, j);
        if (kind == 0) {
          const std::string change = text.choose(x, y, one, zero);
          text.store(text.min(text.add(text.min(up, left), one), text.add(corner, change)), table,
                     listed({i, j}));
        } else {
          const std::string score = text.choose(x, y, text.constant(-1.0), text.constant(2.0));
          const std::string gap = text.sub(text.max(up, left), one);
          text.store(text.max(text.max(gap, text.add(corner, score)), zero), table, listed({i, j}));
        }
      });
    });
  } else if (kind == 2) {  // a knapsack: a row after another, each from the row before
    const auto weight = draw.pick(1, 5);
    const std::string worth = text.buffer({rows});
    text.loop(1, rows, [&](const std::string& i) {
      const std::string value = text.load(worth, i);
      text.loop(weight, columns, [&](const std::string& w) {
        const std::string with =
            text.add(text.load(table, listed({i + " - 1", fmt::format("{} - {}", w, weight)})), value);
        text.store(text.max(text.load(table, listed({i + " - 1", w})), with), table, listed({i, w}));
      });
    });
  } else {  // warping of two series: differences and the least of three ways
    const std::string a = text.buffer({rows}), b = text.buffer({columns});
    text.loop(1, rows, [&](const std::string& i) {
      text.loop(1, columns, [&](const std::string& j) {
        const std::string off = text.sub(text.load(a, i), text.load(b, j));
        const std::string way = text.min(
            text.min(text.load(table, listed({i + " - 1", j})), text.load(table, listed({i, j + " - 1"}))),
            text.load(table, listed({i + " - 1", j + " - 1"})));
        text.store(text.add(way, text.mul(off, off)), table, listed({i, j}));
      });
    });
  }
}

void write_distances(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 4);
  const bool in_register = draw.chance(0.5), transposed = draw.chance(0.3);
  const auto dims = draw.extents(3, 1.5, 3);
  const auto n = dims[0], m = dims[1], d = dims[2];
  const std::string x = text.buffer({n, d}),
                    y = text.buffer(transposed ? KernelText::Dims{d, m} : KernelText::Dims{m, d});
  const std::string out = text.buffer({n, m});
  const auto part = [&](const std::string& i, const std::string& j, const std::string& k) {
    const std::string off =
        text.sub(text.load(x, listed({i, k})), text.load(y, transposed ? listed({k, j}) : listed({j, k})));
    return kind == 1 ? text.unary("math.absf", off) : text.mul(off, off);
  };
  const auto finished = [&](const std::string& sum) {
    if (kind == 2) return text.unary("math.sqrt", sum);
    if (kind == 3) return text.unary("math.exp", text.mul(sum, text.constant(-0.5)));
    return sum;
  };
  if (kind == 4) {  // the nearest of each
    const std::string least = text.buffer({n});
    text.loop(0, n, [&](const std::string& i) {
      text.loop(0, m, [&](const std::string& j) {
        const std::string zero = text.constant(0.0);
        const std::string sum = text.reduce(0, d, zero, [&](const std::string& k, const std::string& so_far) {
          return text.add(so_far, part(i, j, k));
        });
        text.store(text.min(text.load(least, i), sum), least, i);
      });
    });
    return;
  }
  text.nest({n, m}, [&](const std::vector<std::string>& iv) {
    const std::string at = listed(iv), zero = text.constant(0.0);
    if (in_register) {
      text.store(finished(text.reduce(0, d, zero,
                                      [&](const std::string& k, const std::string& so_far) {
                                        return text.add(so_far, part(iv[0], iv[1], k));
                                      })),
                 out, at);
      return;
    }
    text.store(zero, out, at);
    text.loop(0, d, [&](const std::string& k) { text.accumulate(out, at, part(iv[0], iv[1], k)); });
    if (kind >= 2) text.store(finished(text.load(out, at)), out, at);
  });
}

void write_bodies(KernelText& text, KernelDraw& draw) {
  const auto axes = draw.pick(2, 3), power = draw.pick(0, 2);
  const bool together = draw.chance(0.4), masses = draw.chance(0.6);
  const auto dims = draw.extents(2, 4.0, 4);
  const auto n = dims[0], m = dims[1];
  const auto points = [&](std::int64_t count) {
    return text.buffer(together ? KernelText::Dims{count, axes} : KernelText::Dims{axes, count});
  };
  const auto at = [&](const std::string& i, std::int64_t axis) {
    const std::string a = fmt::format("{}", axis);
    return together ? listed({i, a}) : listed({a, i});
  };
  const std::string x = points(n), y = points(m), force = points(n), mass = text.buffer({m});
  text.nest({n, m}, [&](const std::vector<std::string>& iv) {
    std::vector<std::string> off;
    std::string square = text.constant(0.01);
    for (std::int64_t axis = 0; axis < axes; ++axis) {
      off.push_back(text.sub(text.load(y, at(iv[1], axis)), text.load(x, at(iv[0], axis))));
      square = text.add(square, text.mul(off.back(), off.back()));
    }
    std::string pull = text.div(text.constant(1.0), power == 0 ? square : text.unary("math.sqrt", square));
    if (power == 2) pull = text.mul(text.mul(pull, pull), pull);
    if (masses) pull = text.mul(pull, text.load(mass, iv[1]));
    for (std::int64_t axis = 0; axis < axes; ++axis)
      text.accumulate(force, at(iv[0], axis), text.mul(pull, off[static_cast<std::size_t>(axis)]));
  });
}

void write_choices(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 4);
  const auto rank = static_cast<std::size_t>(draw.pick(1, 2));
  const auto dims = draw.extents(rank);
  const std::string x = text.buffer(dims), y = text.buffer(dims), out = text.buffer(dims);
  const std::string limit = text.scalar();
  const std::string total = text.buffer({dims[0]});
  text.nest(dims, [&](const std::vector<std::string>& iv) {
    const std::string value = text.load(x, listed(iv)), other = text.load(y, listed(iv));
    const std::string zero = text.constant(0.0);
    if (kind == 0) {  // leaky, or a gradient behind it
      text.store(text.choose(value, zero, other, text.mul(other, text.constant(0.01))), out, listed(iv));
    } else if (kind == 1) {  // one of two computations
      const std::string off = text.sub(value, other);
      text.store(
          text.choose(off, limit, text.mul(limit, off), text.mul(text.mul(off, off), text.constant(0.5))),
          out, listed(iv));
    } else if (kind == 2) {  // counted
      text.accumulate(total, iv[0], text.choose(value, limit, text.constant(1.0), zero));
    } else if (kind == 3) {  // added where it is enough
      text.accumulate(total, iv[0], text.choose(value, limit, other, zero));
    } else {  // nested
      const std::string inner = text.choose(value, limit, other, text.add(value, other));
      text.store(text.choose(inner, other, text.sub(inner, other), inner), out, listed(iv));
    }
  });
}

void write_sorting(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 2), rounds = draw.pick(1, 6);
  const bool across = draw.chance(0.5);
  const auto dims = draw.extents(2, static_cast<double>(rounds), 8);
  const auto rows = dims[0], n = dims[1] / 2 * 2 + 2;
  const std::string x = text.buffer(across ? KernelText::Dims{n, rows} : KernelText::Dims{rows, n});
  const auto at = [&](const std::string& row, const std::string& i) {
    return across ? listed({i, row}) : listed({row, i});
  };
  const auto swap = [&](const std::string& one, const std::string& two) {
    const std::string a = text.load(x, one), b = text.load(x, two);
    text.store(text.min(a, b), x, one);
    text.store(text.max(a, b), x, two);
  };
  if (kind == 0) {  // neighbours, even and odd in turn
    text.loop(0, rounds, [&](const std::string&) {
      for (const std::int64_t odd : {0, 1}) {
        const auto pair = [&](const std::string& row, const std::string& k) {
          swap(at(row, fmt::format("{} * 2 + {}", k, odd)), at(row, fmt::format("{} * 2 + {}", k, odd + 1)));
        };
        if (across)
          text.nest({n / 2 - odd, rows}, [&](const std::vector<std::string>& iv) { pair(iv[1], iv[0]); });
        else
          text.nest({rows, n / 2 - odd}, [&](const std::vector<std::string>& iv) { pair(iv[0], iv[1]); });
      }
    });
  } else if (kind == 1) {  // halves against each other
    const auto half = [&](const std::string& row, const std::string& k) {
      swap(at(row, k), at(row, fmt::format("{} + {}", k, n / 2)));
    };
    text.loop(0, rounds, [&](const std::string&) {
      if (across)
        text.nest({n / 2, rows}, [&](const std::vector<std::string>& iv) { half(iv[1], iv[0]); });
      else
        text.nest({rows, n / 2}, [&](const std::vector<std::string>& iv) { half(iv[0], iv[1]); });
    });
  } else {  // a fixed network on few elements of every row, written out
    static const std::vector<std::pair<int, int>> network = {{0, 1}, {2, 3}, {0, 2}, {1, 3}, {1, 2}};
    text.loop(0, rows, [&](const std::string& row) {
      for (const auto& [a, b] : network) swap(at(row, fmt::format("{}", a)), at(row, fmt::format("{}", b)));
    });
  }
}

void write_many_statistics(KernelText& text, KernelDraw& draw) {
  const auto count = draw.pick(2, 5);
  const bool whole = draw.chance(0.4), two = draw.chance(0.4);
  const auto dims = draw.extents(2, 1.5, 4);
  const std::string x = text.buffer(dims), y = two ? text.buffer(dims) : x;
  std::vector<std::string> totals;
  for (std::int64_t i = 0; i < count; ++i) totals.push_back(text.buffer({whole ? 1 : dims[0]}));
  text.nest(dims, [&](const std::vector<std::string>& iv) {
    const std::string a = text.load(x, listed(iv)), b = two ? text.load(y, listed(iv)) : a;
    const std::string to = whole ? "0" : iv[0];
    for (std::size_t i = 0; i < totals.size(); ++i) {
      const std::string so_far = text.load(totals[i], to);
      const std::string next = i == 0   ? text.add(so_far, a)
                               : i == 1 ? text.add(so_far, text.mul(a, b))
                               : i == 2 ? text.max(so_far, b)
                               : i == 3 ? text.min(so_far, a)
                                        : text.add(so_far, text.unary("math.absf", b));
      text.store(next, totals[i], to);
    }
  });
}

void write_random_numbers(KernelText& text, KernelDraw& draw) {
  // Each lane's state goes through a few rounds; what comes of it is kept or added up.
  const auto rounds = draw.pick(1, 20);
  const bool written_out = draw.chance(0.4), kept = draw.chance(0.6), mixes = draw.chance(0.5);
  const auto n = draw.extents(1, static_cast<double>(rounds), 8).front();
  const std::string state = text.buffer({n}), out = text.buffer({n});
  const auto round = [&](const std::string& s) {
    if (mixes) {
      const std::string mixed = text.add(text.mul(s, text.constant(0.75)), text.constant(0.125));
      return text.floating() ? text.sub(mixed, text.mul(mixed, mixed)) : text.div(mixed, text.mul(s, s));
    }
    return text.mul(text.mul(text.constant(3.7), s), text.sub(text.constant(1.0), s));
  };
  text.loop(0, n, [&](const std::string& i) {
    std::string value = text.load(state, i);
    if (written_out)
      for (std::int64_t k = 0; k < rounds; ++k) value = round(value);
    else
      value =
          text.reduce(0, rounds, value, [&](const std::string&, const std::string& s) { return round(s); });
    if (kept)
      text.store(value, out, i);
    else
      text.accumulate(out, "0", value);
  });
}

void write_iterated(KernelText& text, KernelDraw& draw) {
  // Newton's steps towards a root or a reciprocal, or z * z + c, so many times for every element.
  const auto kind = draw.pick(0, 2), steps = draw.pick(2, 40);
  const auto n = draw.extents(1, static_cast<double>(steps), 8).front();
  const std::string x = text.buffer({n}), other = text.buffer({n}), out = text.buffer({n});
  text.loop(0, n, [&](const std::string& i) {
    const std::string a = text.load(x, i);
    if (kind <= 1) {
      const std::string start = text.constant(0.75);
      text.store(text.reduce(0, steps, start,
                             [&](const std::string&, const std::string& r) {
                               if (kind == 0)
                                 return text.mul(text.constant(0.5), text.add(r, text.div(a, r)));
                               return text.mul(r, text.sub(text.constant(2.0), text.mul(a, r)));
                             }),
                 out, i);
      return;
    }
    const std::string c = text.load(other, i), zero = text.constant(0.0);
    text.store(text.reduce(0, steps, zero,
                           [&](const std::string&, const std::string& z) {
                             const std::string next =
                                 text.add(text.mul(z, z), text.mul(c, text.constant(-0.5)));
                             return text.min(next, a);
                           }),
               out, i);
  });
}

}  // namespace hone::cost
