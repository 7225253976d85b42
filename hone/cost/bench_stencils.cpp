#include "hone/cost/bench_stencils.h"

#include <fmt/format.h>

namespace hone::cost {

namespace {

using Text = KernelText;
using Name = std::string;

void jacobi_1d(Text& t) {
  const std::int64_t n = 4000, steps = 100;
  const Name a = t.buffer({n}), b = t.buffer({n});
  const auto sweep = [&](const Name& from, const Name& to) {
    t.loop(1, n - 1, [&](const Name& i) {
      const Name sum = t.add(t.add(t.load(from, i + " - 1"), t.load(from, i)), t.load(from, i + " + 1"));
      t.store(t.mul(t.constant(0.33333), sum), to, i);
    });
  };
  t.loop(0, steps, [&](const Name&) { sweep(a, b), sweep(b, a); });
}

void jacobi_2d(Text& t) {
  const std::int64_t n = 250, steps = 20;
  const Name a = t.buffer({n, n}), b = t.buffer({n, n});
  const auto sweep = [&](const Name& from, const Name& to) {
    t.loop(1, n - 1, [&](const Name& i) {
      t.loop(1, n - 1, [&](const Name& j) {
        Name sum = t.load(from, listed({i, j}));
        for (const std::string& place : {listed({i, j + " - 1"}), listed({i, j + " + 1"}),
                                         listed({i + " + 1", j}), listed({i + " - 1", j})})
          sum = t.add(sum, t.load(from, place));
        t.store(t.mul(t.constant(0.2), sum), to, listed({i, j}));
      });
    });
  };
  t.loop(0, steps, [&](const Name&) { sweep(a, b), sweep(b, a); });
}

void seidel_2d(Text& t) {
  const std::int64_t n = 200, steps = 10;
  const Name a = t.buffer({n, n});
  t.loop(0, steps, [&](const Name&) {
    t.loop(1, n - 1, [&](const Name& i) {
      t.loop(1, n - 1, [&](const Name& j) {
        Name sum;
        for (const char* row : {" - 1", "", " + 1"})
          for (const char* column : {" - 1", "", " + 1"}) {
            const Name value = t.load(a, listed({i + row, j + column}));
            sum = sum.empty() ? value : t.add(sum, value);
          }
        t.store(t.div(sum, t.constant(9.0)), a, listed({i, j}));
      });
    });
  });
}

void heat_3d(Text& t) {
  const std::int64_t n = 40, steps = 20;
  const Name a = t.buffer({n, n, n}), b = t.buffer({n, n, n});
  const auto sweep = [&](const Name& from, const Name& to) {
    t.loop(1, n - 1, [&](const Name& i) {
      t.loop(1, n - 1, [&](const Name& j) {
        t.loop(1, n - 1, [&](const Name& k) {
          const Name middle = t.load(from, listed({i, j, k})), two = t.mul(t.constant(2.0), middle);
          const auto along = [&](const std::string& plus, const std::string& minus) {
            return t.mul(t.constant(0.125), t.add(t.sub(t.load(from, plus), two), t.load(from, minus)));
          };
          Name sum = t.add(along(listed({i + " + 1", j, k}), listed({i + " - 1", j, k})),
                           along(listed({i, j + " + 1", k}), listed({i, j + " - 1", k})));
          sum = t.add(t.add(sum, along(listed({i, j, k + " + 1"}), listed({i, j, k + " - 1"}))), middle);
          t.store(sum, to, listed({i, j, k}));
        });
      });
    });
  };
  t.loop(0, steps, [&](const Name&) { sweep(a, b), sweep(b, a); });
}

void fdtd_2d(Text& t) {
  const std::int64_t nx = 200, ny = 240, steps = 20;
  const Name ex = t.buffer({nx, ny}), ey = t.buffer({nx, ny}), hz = t.buffer({nx, ny}),
             drive = t.buffer({steps});
  t.loop(0, steps, [&](const Name& step) {
    t.loop(0, ny, [&](const Name& j) { t.store(t.load(drive, step), ey, listed({"0", j})); });
    t.loop(1, nx, [&](const Name& i) {
      t.loop(0, ny, [&](const Name& j) {
        t.subtract(
            ey, listed({i, j}),
            t.mul(t.constant(0.5), t.sub(t.load(hz, listed({i, j})), t.load(hz, listed({i + " - 1", j})))));
      });
    });
    t.loop(0, nx, [&](const Name& i) {
      t.loop(1, ny, [&](const Name& j) {
        t.subtract(
            ex, listed({i, j}),
            t.mul(t.constant(0.5), t.sub(t.load(hz, listed({i, j})), t.load(hz, listed({i, j + " - 1"})))));
      });
    });
    t.loop(0, nx - 1, [&](const Name& i) {
      t.loop(0, ny - 1, [&](const Name& j) {
        Name slope = t.add(t.sub(t.load(ex, listed({i, j + " + 1"})), t.load(ex, listed({i, j}))),
                           t.load(ey, listed({i + " + 1", j})));
        slope = t.sub(slope, t.load(ey, listed({i, j})));
        t.subtract(hz, listed({i, j}), t.mul(t.constant(0.7), slope));
      });
    });
  });
}

void deriche(Text& t) {  // recursive filters along rows and columns, one direction each
  const std::int64_t w = 720, h = 480;
  const Name in = t.buffer({w, h}), rows = t.buffer({w, h}), out = t.buffer({w, h});
  const Name a1 = t.scalar(), a2 = t.scalar(), b1 = t.scalar(), b2 = t.scalar();
  const auto filter = [&](const Name& from, const Name& to, const Name& i, const Name& j, bool along_rows) {
    const auto back = [&](int by) {
      return along_rows ? listed({i, fmt::format("{} - {}", j, by)})
                        : listed({fmt::format("{} - {}", i, by), j});
    };
    const Name feed = t.add(t.mul(a1, t.load(from, listed({i, j}))), t.mul(a2, t.load(from, back(1))));
    t.store(t.add(feed, t.add(t.mul(b1, t.load(to, back(1))), t.mul(b2, t.load(to, back(2))))), to,
            listed({i, j}));
  };
  t.loop(0, w, [&](const Name& i) { t.loop(2, h, [&](const Name& j) { filter(in, rows, i, j, true); }); });
  t.loop(0, h, [&](const Name& j) { t.loop(2, w, [&](const Name& i) { filter(rows, out, i, j, false); }); });
}

}  // namespace

std::span<const BenchProgram> bench_stencils() {
  static constexpr BenchProgram kernels[] = {{"jacobi-1d", jacobi_1d}, {"jacobi-2d", jacobi_2d},
                                             {"seidel-2d", seidel_2d}, {"heat-3d", heat_3d},
                                             {"fdtd-2d", fdtd_2d},     {"deriche", deriche}};
  return kernels;
}

}  // namespace hone::cost
