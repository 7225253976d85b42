// Stencils, convolutions and pooling.
#include <algorithm>

#include <fmt/format.h>

#include "hone/cost/kernels/families.h"

namespace hone::cost {

namespace {

std::string shifted(const std::string& iv, std::int64_t by) {
  return by == 0 ? iv : by > 0 ? fmt::format("{} + {}", iv, by) : fmt::format("{} - {}", iv, -by);
}

/// The offsets of a stencil: along the axes, or of the whole box.
std::vector<KernelText::Dims> points_of(std::size_t rank, std::int64_t radius, bool box) {
  std::vector<KernelText::Dims> points;
  KernelText::Dims at(rank, -radius);
  for (;;) {
    const auto off = std::count_if(at.begin(), at.end(), [](std::int64_t x) { return x != 0; });
    if (box || off <= 1) points.push_back(at);
    std::size_t axis = rank;
    while (axis > 0 && at[axis - 1] == radius) at[--axis] = -radius;
    if (axis == 0) return points;
    ++at[axis - 1];
  }
}

/// Loops over the inside of a grid, `margin` from its border.
void inside(KernelText& text, const KernelText::Dims& dims, std::int64_t margin,
            const std::function<void(const std::vector<std::string>&)>& body) {
  std::vector<std::string> variables;
  std::function<void(std::size_t)> inward = [&](std::size_t level) {
    if (level == dims.size()) {
      body(variables);
      return;
    }
    text.loop(margin, dims[level] - margin, [&](const std::string& iv) {
      variables.push_back(iv);
      inward(level + 1);
      variables.pop_back();
    });
  };
  inward(0);
}

std::string weighted(KernelText& text, const std::string& grid, const std::vector<std::string>& iv,
                     const std::vector<KernelText::Dims>& points, bool equal, KernelDraw& draw) {
  std::string sum;
  for (const auto& point : points) {
    std::vector<std::string> at;
    for (std::size_t axis = 0; axis < iv.size(); ++axis) at.push_back(shifted(iv[axis], point[axis]));
    std::string value = text.load(grid, listed(at));
    if (!equal) value = text.mul(value, text.constant(0.1 + draw.group.uniform()));
    sum = sum.empty() ? value : text.add(sum, value);
  }
  return equal ? text.mul(sum, text.constant(1.0 / static_cast<double>(points.size()))) : sum;
}

struct Grid {
  std::size_t rank;
  std::int64_t radius, steps;
  bool box, equal;
  KernelText::Dims dims;

  explicit Grid(KernelDraw& draw)
      : rank(static_cast<std::size_t>(draw.pick(1, 3))),
        radius(rank == 3 ? 1 : draw.pick(1, 2)),
        steps(draw.any(std::vector<std::int64_t>{1, 1, 2, 10, 40})),
        box(draw.chance(0.4)),
        equal(draw.chance(0.5)) {
    const double points = static_cast<double>(points_of(rank, radius, box).size());
    dims = draw.extents(rank, static_cast<double>(steps) * std::max(1.0, points / 5.0), 8);
  }
};

}  // namespace

void write_stencil(KernelText& text, KernelDraw& draw) {
  const Grid grid(draw);
  const auto points = points_of(grid.rank, grid.radius, grid.box);
  const bool copies = draw.chance(0.3);
  const std::string a = text.buffer(grid.dims), b = text.buffer(grid.dims);
  const auto step = [&] {
    inside(text, grid.dims, grid.radius, [&](const std::vector<std::string>& iv) {
      text.store(weighted(text, a, iv, points, grid.equal, draw), b, listed(iv));
    });
    if (grid.steps == 1) return;
    inside(text, grid.dims, grid.radius, [&](const std::vector<std::string>& iv) {
      text.store(copies ? text.load(b, listed(iv)) : weighted(text, b, iv, points, true, draw), a,
                 listed(iv));
    });
  };
  if (grid.steps == 1) {
    step();
  } else {
    text.loop(0, std::max<std::int64_t>(1, grid.steps / 2), [&](const std::string&) { step(); });
  }
}

void write_in_place_stencil(KernelText& text, KernelDraw& draw) {
  const Grid grid(draw);
  const auto points = points_of(grid.rank, grid.radius, grid.box);
  const std::string a = text.buffer(grid.dims);
  text.loop(0, grid.steps, [&](const std::string&) {
    inside(text, grid.dims, grid.radius, [&](const std::vector<std::string>& iv) {
      text.store(weighted(text, a, iv, points, grid.equal, draw), a, listed(iv));
    });
  });
}

void write_fields(KernelText& text, KernelDraw& draw) {
  // Fields that drive each other, nest after nest, as in finite-difference time-domain codes.
  const auto rank = static_cast<std::size_t>(draw.pick(1, 2));
  const auto fields = draw.pick(2, 4);
  const auto steps = draw.any(std::vector<std::int64_t>{1, 4, 20});
  const auto dims = draw.extents(rank, static_cast<double>(fields * steps), 8);
  std::vector<std::string> grids;
  for (std::int64_t i = 0; i < fields; ++i) grids.push_back(text.buffer(dims));
  text.loop(0, steps, [&](const std::string&) {
    for (std::size_t field = 0; field < grids.size(); ++field) {
      const std::string& driver = grids[(field + 1) % grids.size()];
      const auto axis = draw.group.below(rank);
      const std::int64_t by = draw.chance(0.5) ? 1 : -1;
      const double factor = 0.3 + 0.4 * draw.group.uniform();
      inside(text, dims, 1, [&](const std::vector<std::string>& iv) {
        auto at = iv;
        at[axis] = shifted(iv[axis], by);
        const std::string slope = text.sub(text.load(driver, listed(iv)), text.load(driver, listed(at)));
        text.store(text.sub(text.load(grids[field], listed(iv)), text.mul(text.constant(factor), slope)),
                   grids[field], listed(iv));
      });
    }
  });
}

void write_convolution_1d(KernelText& text, KernelDraw& draw) {
  const auto taps = draw.pick(3, 33), stride = draw.any(std::vector<std::int64_t>{1, 1, 1, 2});
  const bool channels = draw.chance(0.5), taps_outside = draw.chance(0.3);
  if (!channels) {
    const auto n = draw.extents(1, static_cast<double>(taps), 8).front();
    const std::string x = text.buffer({(n - 1) * stride + taps}), w = text.buffer({taps}),
                      y = text.buffer({n});
    text.nest({taps_outside ? taps : n, taps_outside ? n : taps}, [&](const std::vector<std::string>& iv) {
      const std::string& at = iv[taps_outside ? 1 : 0];
      const std::string& tap = iv[taps_outside ? 0 : 1];
      const std::string place =
          stride == 1 ? fmt::format("{} + {}", at, tap) : fmt::format("{} * {} + {}", at, stride, tap);
      text.store(text.add(text.load(y, at), text.mul(text.load(x, place), text.load(w, tap))), y, at);
    });
    return;
  }
  const auto dims = draw.extents(3, static_cast<double>(taps), 2);
  const std::string x = text.buffer({dims[1], (dims[2] - 1) * stride + taps});
  const std::string w = text.buffer({dims[0], dims[1], taps}), y = text.buffer({dims[0], dims[2]});
  text.nest({dims[0], dims[1], taps_outside ? taps : dims[2], taps_outside ? dims[2] : taps},
            [&](const std::vector<std::string>& iv) {
              const std::string& at = iv[taps_outside ? 3 : 2];
              const std::string& tap = iv[taps_outside ? 2 : 3];
              const std::string out = listed({iv[0], at});
              const std::string in = listed({iv[1], fmt::format("{} * {} + {}", at, stride, tap)});
              text.store(text.add(text.load(y, out),
                                  text.mul(text.load(x, in), text.load(w, listed({iv[0], iv[1], tap})))),
                         y, out);
            });
}

void write_convolution_2d(KernelText& text, KernelDraw& draw) {
  const auto size = draw.any(std::vector<std::int64_t>{1, 3, 3, 3, 5, 7}),
             stride = draw.any(std::vector<std::int64_t>{1, 1, 2});
  const bool channels_last = draw.chance(0.5), in_register = draw.chance(0.2),
             channels_inside = draw.chance(0.5);
  const auto dims =
      draw.extents(4, static_cast<double>(size * size), 2);  // out channels, in channels, rows, columns
  const auto rows_in = (dims[2] - 1) * stride + size, columns_in = (dims[3] - 1) * stride + size;
  const std::string x = text.buffer(channels_last ? KernelText::Dims{rows_in, columns_in, dims[1]}
                                                  : KernelText::Dims{dims[1], rows_in, columns_in});
  const std::string w = text.buffer(channels_last ? KernelText::Dims{size, size, dims[1], dims[0]}
                                                  : KernelText::Dims{dims[0], dims[1], size, size});
  const std::string y = text.buffer(channels_last ? KernelText::Dims{dims[2], dims[3], dims[0]}
                                                  : KernelText::Dims{dims[0], dims[2], dims[3]});
  const auto output = [&](const std::string& f, const std::string& r, const std::string& c) {
    return channels_last ? listed({r, c, f}) : listed({f, r, c});
  };
  const auto term = [&](const std::string& f, const std::string& ch, const std::string& r,
                        const std::string& c, const std::string& kr, const std::string& kc) {
    const std::string row =
        stride == 1 ? fmt::format("{} + {}", r, kr) : fmt::format("{} * {} + {}", r, stride, kr);
    const std::string column =
        stride == 1 ? fmt::format("{} + {}", c, kc) : fmt::format("{} * {} + {}", c, stride, kc);
    return text.mul(text.load(x, channels_last ? listed({row, column, ch}) : listed({ch, row, column})),
                    text.load(w, channels_last ? listed({kr, kc, ch, f}) : listed({f, ch, kr, kc})));
  };
  if (in_register) {
    text.nest({dims[0], dims[2], dims[3]}, [&](const std::vector<std::string>& iv) {
      const std::string zero = text.constant(0.0);
      const std::string sum = text.reduce(0, dims[1], zero, [&](const std::string& ch, const std::string& a) {
        return text.reduce(0, size, a, [&](const std::string& kr, const std::string& b) {
          return text.reduce(0, size, b, [&](const std::string& kc, const std::string& so_far) {
            return text.add(so_far, term(iv[0], ch, iv[1], iv[2], kr, kc));
          });
        });
      });
      text.store(sum, y, output(iv[0], iv[1], iv[2]));
    });
    return;
  }
  const KernelText::Dims loops =
      channels_last ? (channels_inside ? KernelText::Dims{dims[2], dims[3], size, size, dims[1], dims[0]}
                                       : KernelText::Dims{dims[2], dims[3], dims[0], size, size, dims[1]})
                    : (channels_inside ? KernelText::Dims{dims[0], dims[2], dims[3], dims[1], size, size}
                                       : KernelText::Dims{dims[0], dims[1], size, size, dims[2], dims[3]});
  text.nest(loops, [&](const std::vector<std::string>& iv) {
    std::string f, ch, r, c, kr, kc;
    if (channels_last && channels_inside) {
      r = iv[0], c = iv[1], kr = iv[2], kc = iv[3], ch = iv[4], f = iv[5];
    } else if (channels_last) {
      r = iv[0], c = iv[1], f = iv[2], kr = iv[3], kc = iv[4], ch = iv[5];
    } else if (channels_inside) {
      f = iv[0], r = iv[1], c = iv[2], ch = iv[3], kr = iv[4], kc = iv[5];
    } else {
      f = iv[0], ch = iv[1], kr = iv[2], kc = iv[3], r = iv[4], c = iv[5];
    }
    const std::string place = output(f, r, c);
    text.store(text.add(text.load(y, place), term(f, ch, r, c, kr, kc)), y, place);
  });
}

void write_depthwise(KernelText& text, KernelDraw& draw) {
  const auto size = draw.any(std::vector<std::int64_t>{3, 3, 5, 7}),
             stride = draw.any(std::vector<std::int64_t>{1, 1, 2});
  const bool channels_last = draw.chance(0.5), bounded = draw.chance(0.3), window_outside = draw.chance(0.4);
  const auto dims = draw.extents(3, static_cast<double>(size * size), 3);
  const auto rows = (dims[1] - 1) * stride + size, columns = (dims[2] - 1) * stride + size;
  const std::string x = text.buffer(channels_last ? KernelText::Dims{rows, columns, dims[0]}
                                                  : KernelText::Dims{dims[0], rows, columns});
  const std::string w = text.buffer(channels_last ? KernelText::Dims{size, size, dims[0]}
                                                  : KernelText::Dims{dims[0], size, size});
  const std::string y = text.buffer(channels_last ? KernelText::Dims{dims[1], dims[2], dims[0]}
                                                  : KernelText::Dims{dims[0], dims[1], dims[2]});
  const auto put = [&](const std::string& ch, const std::string& r, const std::string& c,
                       const std::string& kr, const std::string& kc) {
    const std::string row = fmt::format("{} * {} + {}", r, stride, kr),
                      column = fmt::format("{} * {} + {}", c, stride, kc);
    const std::string place = channels_last ? listed({r, c, ch}) : listed({ch, r, c});
    const std::string term =
        text.mul(text.load(x, channels_last ? listed({row, column, ch}) : listed({ch, row, column})),
                 text.load(w, channels_last ? listed({kr, kc, ch}) : listed({ch, kr, kc})));
    std::string value = text.add(text.load(y, place), term);
    if (bounded) value = text.max(value, text.constant(0.0));
    text.store(value, y, place);
  };
  if (channels_last) {
    text.nest({dims[1], dims[2], size, size, dims[0]},
              [&](const std::vector<std::string>& iv) { put(iv[4], iv[0], iv[1], iv[2], iv[3]); });
  } else if (window_outside) {
    text.nest({dims[0], size, size, dims[1], dims[2]},
              [&](const std::vector<std::string>& iv) { put(iv[0], iv[3], iv[4], iv[1], iv[2]); });
  } else {
    text.nest({dims[0], dims[1], dims[2], size, size},
              [&](const std::vector<std::string>& iv) { put(iv[0], iv[1], iv[2], iv[3], iv[4]); });
  }
}

void write_pooling(KernelText& text, KernelDraw& draw) {
  const auto size = draw.pick(2, 4), stride = draw.chance(0.6) ? size : 1;
  const bool mean = draw.chance(0.4), channels_last = draw.chance(0.5);
  const auto dims = draw.extents(3, static_cast<double>(size * size), 3);
  const auto rows = (dims[1] - 1) * stride + size, columns = (dims[2] - 1) * stride + size;
  const std::string x = text.buffer(channels_last ? KernelText::Dims{rows, columns, dims[0]}
                                                  : KernelText::Dims{dims[0], rows, columns});
  const std::string y = text.buffer(channels_last ? KernelText::Dims{dims[1], dims[2], dims[0]}
                                                  : KernelText::Dims{dims[0], dims[1], dims[2]});
  const KernelText::Dims loops = channels_last ? KernelText::Dims{dims[1], dims[2], size, size, dims[0]}
                                               : KernelText::Dims{dims[0], dims[1], dims[2], size, size};
  text.nest(loops, [&](const std::vector<std::string>& iv) {
    const std::string& ch = channels_last ? iv[4] : iv[0];
    const std::string& r = channels_last ? iv[0] : iv[1];
    const std::string& c = channels_last ? iv[1] : iv[2];
    const std::string row = fmt::format("{} * {} + {}", r, stride, channels_last ? iv[2] : iv[3]);
    const std::string column = fmt::format("{} * {} + {}", c, stride, channels_last ? iv[3] : iv[4]);
    const std::string place = channels_last ? listed({r, c, ch}) : listed({ch, r, c});
    const std::string value =
        text.load(x, channels_last ? listed({row, column, ch}) : listed({ch, row, column}));
    const std::string so_far = text.load(y, place);
    text.store(mean ? text.add(so_far, value) : text.max(so_far, value), y, place);
  });
}

}  // namespace hone::cost
