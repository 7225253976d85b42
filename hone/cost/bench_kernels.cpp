#include "hone/cost/bench_kernels.h"

#include <fmt/format.h>

#include "hone/cost/kernel_text.h"

namespace hone::cost {

namespace {

using Text = KernelText;
using Name = std::string;

std::string at(const std::vector<Name>& indices) { return fmt::format("{}", fmt::join(indices, ", ")); }
std::string number(std::int64_t value) { return fmt::format("{}", value); }

/// target[to] += value.
void accumulate(Text& t, const Name& target, const std::string& to, const Name& value) {
  t.store(t.add(t.load(target, to), value), target, to);
}
void subtract(Text& t, const Name& target, const std::string& to, const Name& value) {
  t.store(t.sub(t.load(target, to), value), target, to);
}

/// out = alpha A B as plain C has it: zero, then a sum in the innermost loop.
void multiply_add(Text& t, std::int64_t m, std::int64_t n, std::int64_t k, const Name& a, const Name& b,
                  const Name& out, const Name& alpha = "") {
  t.nest({m, n}, [&](const std::vector<Name>& ij) {
    t.store(t.constant(0.0), out, at(ij));
    t.loop(0, k, [&](const Name& l) {
      Name left = t.load(a, at({ij[0], l}));
      if (!alpha.empty()) left = t.mul(alpha, left);
      accumulate(t, out, at(ij), t.mul(left, t.load(b, at({l, ij[1]}))));
    });
  });
}

void gemm(Text& t) {
  const std::int64_t m = 200, n = 220, k = 240;
  const Name a = t.buffer({m, k}), b = t.buffer({k, n}), c = t.buffer({m, n}), alpha = t.scalar(),
             beta = t.scalar();
  t.loop(0, m, [&](const Name& i) {
    t.loop(0, n, [&](const Name& j) { t.store(t.mul(t.load(c, at({i, j})), beta), c, at({i, j})); });
    t.loop(0, k, [&](const Name& l) {
      t.loop(0, n, [&](const Name& j) {
        accumulate(t, c, at({i, j}), t.mul(t.mul(alpha, t.load(a, at({i, l}))), t.load(b, at({l, j}))));
      });
    });
  });
}

void two_products(Text& t) {
  const std::int64_t ni = 180, nj = 190, nk = 210, nl = 220;
  const Name a = t.buffer({ni, nk}), b = t.buffer({nk, nj}), c = t.buffer({nj, nl}), d = t.buffer({ni, nl}),
             tmp = t.buffer({ni, nj});
  const Name alpha = t.scalar(), beta = t.scalar();
  multiply_add(t, ni, nj, nk, a, b, tmp, alpha);
  t.nest({ni, nl}, [&](const std::vector<Name>& ij) {
    t.store(t.mul(t.load(d, at(ij)), beta), d, at(ij));
    t.loop(0, nj, [&](const Name& k) {
      accumulate(t, d, at(ij), t.mul(t.load(tmp, at({ij[0], k})), t.load(c, at({k, ij[1]}))));
    });
  });
}

void three_products(Text& t) {
  const std::int64_t ni = 180, nj = 190, nk = 200, nl = 210, nm = 220;
  const Name a = t.buffer({ni, nk}), b = t.buffer({nk, nj}), c = t.buffer({nj, nm}), d = t.buffer({nm, nl});
  const Name e = t.buffer({ni, nj}), f = t.buffer({nj, nl}), g = t.buffer({ni, nl});
  multiply_add(t, ni, nj, nk, a, b, e);
  multiply_add(t, nj, nl, nm, c, d, f);
  multiply_add(t, ni, nl, nj, e, f, g);
}

void atax(Text& t) {
  const std::int64_t m = 390, n = 410;
  const Name a = t.buffer({m, n}), x = t.buffer({n}), y = t.buffer({n}), tmp = t.buffer({m});
  t.loop(0, n, [&](const Name& i) { t.store(t.constant(0.0), y, i); });
  t.loop(0, m, [&](const Name& i) {
    t.store(t.constant(0.0), tmp, i);
    t.loop(0, n, [&](const Name& j) { accumulate(t, tmp, i, t.mul(t.load(a, at({i, j})), t.load(x, j))); });
    t.loop(0, n, [&](const Name& j) { accumulate(t, y, j, t.mul(t.load(a, at({i, j})), t.load(tmp, i))); });
  });
}

void bicg(Text& t) {
  const std::int64_t m = 390, n = 410;
  const Name a = t.buffer({n, m}), s = t.buffer({m}), q = t.buffer({n}), p = t.buffer({m}), r = t.buffer({n});
  t.loop(0, m, [&](const Name& i) { t.store(t.constant(0.0), s, i); });
  t.loop(0, n, [&](const Name& i) {
    t.store(t.constant(0.0), q, i);
    t.loop(0, m, [&](const Name& j) {
      accumulate(t, s, j, t.mul(t.load(r, i), t.load(a, at({i, j}))));
      accumulate(t, q, i, t.mul(t.load(a, at({i, j})), t.load(p, j)));
    });
  });
}

void mvt(Text& t) {
  const std::int64_t n = 400;
  const Name a = t.buffer({n, n}), x1 = t.buffer({n}), x2 = t.buffer({n}), y1 = t.buffer({n}),
             y2 = t.buffer({n});
  t.nest({n, n}, [&](const std::vector<Name>& ij) {
    accumulate(t, x1, ij[0], t.mul(t.load(a, at(ij)), t.load(y1, ij[1])));
  });
  t.nest({n, n}, [&](const std::vector<Name>& ij) {
    accumulate(t, x2, ij[0], t.mul(t.load(a, at({ij[1], ij[0]})), t.load(y2, ij[1])));
  });
}

void gesummv(Text& t) {
  const std::int64_t n = 250;
  const Name a = t.buffer({n, n}), b = t.buffer({n, n}), tmp = t.buffer({n}), x = t.buffer({n}),
             y = t.buffer({n});
  const Name alpha = t.scalar(), beta = t.scalar();
  t.loop(0, n, [&](const Name& i) {
    t.store(t.constant(0.0), tmp, i);
    t.store(t.constant(0.0), y, i);
    t.loop(0, n, [&](const Name& j) {
      accumulate(t, tmp, i, t.mul(t.load(a, at({i, j})), t.load(x, j)));
      accumulate(t, y, i, t.mul(t.load(b, at({i, j})), t.load(x, j)));
    });
    t.store(t.add(t.mul(alpha, t.load(tmp, i)), t.mul(beta, t.load(y, i))), y, i);
  });
}

void gemver(Text& t) {
  const std::int64_t n = 400;
  const Name a = t.buffer({n, n}), u1 = t.buffer({n}), v1 = t.buffer({n}), u2 = t.buffer({n}),
             v2 = t.buffer({n});
  const Name w = t.buffer({n}), x = t.buffer({n}), y = t.buffer({n}), z = t.buffer({n}), alpha = t.scalar(),
             beta = t.scalar();
  t.nest({n, n}, [&](const std::vector<Name>& ij) {
    const Name first = t.add(t.load(a, at(ij)), t.mul(t.load(u1, ij[0]), t.load(v1, ij[1])));
    t.store(t.add(first, t.mul(t.load(u2, ij[0]), t.load(v2, ij[1]))), a, at(ij));
  });
  t.nest({n, n}, [&](const std::vector<Name>& ij) {
    accumulate(t, x, ij[0], t.mul(t.mul(beta, t.load(a, at({ij[1], ij[0]}))), t.load(y, ij[1])));
  });
  t.loop(0, n, [&](const Name& i) { accumulate(t, x, i, t.load(z, i)); });
  t.nest({n, n}, [&](const std::vector<Name>& ij) {
    accumulate(t, w, ij[0], t.mul(t.mul(alpha, t.load(a, at(ij))), t.load(x, ij[1])));
  });
}

void syrk(Text& t) {
  const std::int64_t n = 240, m = 200;
  const Name a = t.buffer({n, m}), c = t.buffer({n, n}), alpha = t.scalar(), beta = t.scalar();
  t.loop(0, n, [&](const Name& i) {
    t.loop("0", i + " + 1", [&](const Name& j) {
      t.store(t.mul(t.load(c, at({i, j})), beta), c, at({i, j}));
    });
    t.loop(0, m, [&](const Name& k) {
      t.loop("0", i + " + 1", [&](const Name& j) {
        accumulate(t, c, at({i, j}), t.mul(t.mul(alpha, t.load(a, at({i, k}))), t.load(a, at({j, k}))));
      });
    });
  });
}

void syr2k(Text& t) {
  const std::int64_t n = 240, m = 200;
  const Name a = t.buffer({n, m}), b = t.buffer({n, m}), c = t.buffer({n, n}), alpha = t.scalar(),
             beta = t.scalar();
  t.loop(0, n, [&](const Name& i) {
    t.loop("0", i + " + 1", [&](const Name& j) {
      t.store(t.mul(t.load(c, at({i, j})), beta), c, at({i, j}));
    });
    t.loop(0, m, [&](const Name& k) {
      t.loop("0", i + " + 1", [&](const Name& j) {
        const Name one = t.mul(t.mul(t.load(a, at({j, k})), alpha), t.load(b, at({i, k})));
        const Name two = t.mul(t.mul(t.load(b, at({j, k})), alpha), t.load(a, at({i, k})));
        t.store(t.add(t.add(t.load(c, at({i, j})), one), two), c, at({i, j}));
      });
    });
  });
}

void trmm(Text& t) {
  const std::int64_t m = 200, n = 240;
  const Name a = t.buffer({m, m}), b = t.buffer({m, n}), alpha = t.scalar();
  t.nest({m, n}, [&](const std::vector<Name>& ij) {
    t.loop(ij[0] + " + 1", number(m), [&](const Name& k) {
      accumulate(t, b, at(ij), t.mul(t.load(a, at({k, ij[0]})), t.load(b, at({k, ij[1]}))));
    });
    t.store(t.mul(alpha, t.load(b, at(ij))), b, at(ij));
  });
}

void symm(Text& t) {
  const std::int64_t m = 200, n = 240;
  const Name a = t.buffer({m, m}), b = t.buffer({m, n}), c = t.buffer({m, n}), tmp = t.buffer({1}),
             alpha = t.scalar(), beta = t.scalar();
  t.nest({m, n}, [&](const std::vector<Name>& ij) {
    t.store(t.constant(0.0), tmp, "0");
    t.loop("0", ij[0], [&](const Name& k) {
      accumulate(t, c, at({k, ij[1]}), t.mul(t.mul(alpha, t.load(b, at(ij))), t.load(a, at({ij[0], k}))));
      accumulate(t, tmp, "0", t.mul(t.load(b, at({k, ij[1]})), t.load(a, at({ij[0], k}))));
    });
    const Name own = t.mul(t.mul(alpha, t.load(b, at(ij))), t.load(a, at({ij[0], ij[0]})));
    t.store(t.add(t.add(t.mul(beta, t.load(c, at(ij))), own), t.mul(alpha, t.load(tmp, "0"))), c, at(ij));
  });
}

void doitgen(Text& t) {
  const std::int64_t q = 40, r = 50, p = 60;
  const Name a = t.buffer({r, q, p}), c4 = t.buffer({p, p}), sum = t.buffer({p});
  t.nest({r, q}, [&](const std::vector<Name>& rq) {
    t.loop(0, p, [&](const Name& i) {
      t.store(t.constant(0.0), sum, i);
      t.loop(0, p, [&](const Name& s) {
        accumulate(t, sum, i, t.mul(t.load(a, at({rq[0], rq[1], s})), t.load(c4, at({s, i}))));
      });
    });
    t.loop(0, p, [&](const Name& i) { t.store(t.load(sum, i), a, at({rq[0], rq[1], i})); });
  });
}

void means(Text& t, std::int64_t rows, std::int64_t columns, const Name& data, const Name& mean) {
  t.loop(0, columns, [&](const Name& j) {
    t.store(t.constant(0.0), mean, j);
    t.loop(0, rows, [&](const Name& i) { accumulate(t, mean, j, t.load(data, at({i, j}))); });
    t.store(t.div(t.load(mean, j), t.constant(static_cast<double>(rows))), mean, j);
  });
}

void covariance(Text& t) {
  const std::int64_t m = 240, n = 260;
  const Name data = t.buffer({n, m}), cov = t.buffer({m, m}), mean = t.buffer({m});
  means(t, n, m, data, mean);
  t.nest({n, m}, [&](const std::vector<Name>& ij) { subtract(t, data, at(ij), t.load(mean, ij[1])); });
  t.loop(0, m, [&](const Name& i) {
    t.loop(i, number(m), [&](const Name& j) {
      t.store(t.constant(0.0), cov, at({i, j}));
      t.loop(0, n, [&](const Name& k) {
        accumulate(t, cov, at({i, j}), t.mul(t.load(data, at({k, i})), t.load(data, at({k, j}))));
      });
      t.store(t.div(t.load(cov, at({i, j})), t.constant(static_cast<double>(n) - 1.0)), cov, at({i, j}));
      t.store(t.load(cov, at({i, j})), cov, at({j, i}));
    });
  });
}

void correlation(Text& t) {
  const std::int64_t m = 240, n = 260;
  const Name data = t.buffer({n, m}), corr = t.buffer({m, m}), mean = t.buffer({m}), spread = t.buffer({m});
  const Name count = t.constant(static_cast<double>(n));
  means(t, n, m, data, mean);
  t.loop(0, m, [&](const Name& j) {
    t.store(t.constant(0.0), spread, j);
    t.loop(0, n, [&](const Name& i) {
      const Name off = t.sub(t.load(data, at({i, j})), t.load(mean, j));
      accumulate(t, spread, j, t.mul(off, off));
    });
    t.store(t.unary("math.sqrt", t.div(t.load(spread, j), count)), spread, j);
  });
  const Name root = t.unary("math.sqrt", count);
  t.nest({n, m}, [&](const std::vector<Name>& ij) {
    subtract(t, data, at(ij), t.load(mean, ij[1]));
    t.store(t.div(t.load(data, at(ij)), t.mul(root, t.load(spread, ij[1]))), data, at(ij));
  });
  t.loop(0, m - 1, [&](const Name& i) {
    t.store(t.constant(1.0), corr, at({i, i}));
    t.loop(i + " + 1", number(m), [&](const Name& j) {
      t.store(t.constant(0.0), corr, at({i, j}));
      t.loop(0, n, [&](const Name& k) {
        accumulate(t, corr, at({i, j}), t.mul(t.load(data, at({k, i})), t.load(data, at({k, j}))));
      });
      t.store(t.load(corr, at({i, j})), corr, at({j, i}));
    });
  });
}

void lu(Text& t) {
  const std::int64_t n = 240;
  const Name a = t.buffer({n, n});
  t.loop(0, n, [&](const Name& i) {
    t.loop("0", i, [&](const Name& j) {
      t.loop("0", j, [&](const Name& k) {
        subtract(t, a, at({i, j}), t.mul(t.load(a, at({i, k})), t.load(a, at({k, j}))));
      });
      t.store(t.div(t.load(a, at({i, j})), t.load(a, at({j, j}))), a, at({i, j}));
    });
    t.loop(i, number(n), [&](const Name& j) {
      t.loop("0", i, [&](const Name& k) {
        subtract(t, a, at({i, j}), t.mul(t.load(a, at({i, k})), t.load(a, at({k, j}))));
      });
    });
  });
}

void cholesky(Text& t) {
  const std::int64_t n = 240;
  const Name a = t.buffer({n, n});
  t.loop(0, n, [&](const Name& i) {
    t.loop("0", i, [&](const Name& j) {
      t.loop("0", j, [&](const Name& k) {
        subtract(t, a, at({i, j}), t.mul(t.load(a, at({i, k})), t.load(a, at({j, k}))));
      });
      t.store(t.div(t.load(a, at({i, j})), t.load(a, at({j, j}))), a, at({i, j}));
    });
    t.loop("0", i, [&](const Name& k) {
      const Name value = t.load(a, at({i, k}));
      subtract(t, a, at({i, i}), t.mul(value, value));
    });
    t.store(t.unary("math.sqrt", t.load(a, at({i, i}))), a, at({i, i}));
  });
}

void trisolv(Text& t) {
  const std::int64_t n = 400;
  const Name l = t.buffer({n, n}), x = t.buffer({n}), b = t.buffer({n});
  t.loop(0, n, [&](const Name& i) {
    t.store(t.load(b, i), x, i);
    t.loop("0", i, [&](const Name& j) { subtract(t, x, i, t.mul(t.load(l, at({i, j})), t.load(x, j))); });
    t.store(t.div(t.load(x, i), t.load(l, at({i, i}))), x, i);
  });
}

void gramschmidt(Text& t) {
  const std::int64_t m = 200, n = 240;
  const Name a = t.buffer({m, n}), r = t.buffer({n, n}), q = t.buffer({m, n}), norm = t.buffer({1});
  t.loop(0, n, [&](const Name& k) {
    t.store(t.constant(0.0), norm, "0");
    t.loop(0, m, [&](const Name& i) {
      accumulate(t, norm, "0", t.mul(t.load(a, at({i, k})), t.load(a, at({i, k}))));
    });
    t.store(t.unary("math.sqrt", t.load(norm, "0")), r, at({k, k}));
    t.loop(0, m, [&](const Name& i) {
      t.store(t.div(t.load(a, at({i, k})), t.load(r, at({k, k}))), q, at({i, k}));
    });
    t.loop(k + " + 1", number(n), [&](const Name& j) {
      t.store(t.constant(0.0), r, at({k, j}));
      t.loop(0, m, [&](const Name& i) {
        accumulate(t, r, at({k, j}), t.mul(t.load(q, at({i, k})), t.load(a, at({i, j}))));
      });
      t.loop(0, m, [&](const Name& i) {
        subtract(t, a, at({i, j}), t.mul(t.load(q, at({i, k})), t.load(r, at({k, j}))));
      });
    });
  });
}

void floyd_warshall(Text& t) {
  const std::int64_t n = 200;
  const Name path = t.buffer({n, n});
  t.nest({n, n, n}, [&](const std::vector<Name>& kij) {
    const std::string place = at({kij[1], kij[2]});
    t.store(t.min(t.load(path, place),
                  t.add(t.load(path, at({kij[1], kij[0]})), t.load(path, at({kij[0], kij[2]})))),
            path, place);
  });
}

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
        Name sum = t.load(from, at({i, j}));
        for (const std::string& place :
             {at({i, j + " - 1"}), at({i, j + " + 1"}), at({i + " + 1", j}), at({i + " - 1", j})})
          sum = t.add(sum, t.load(from, place));
        t.store(t.mul(t.constant(0.2), sum), to, at({i, j}));
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
            const Name value = t.load(a, at({i + row, j + column}));
            sum = sum.empty() ? value : t.add(sum, value);
          }
        t.store(t.div(sum, t.constant(9.0)), a, at({i, j}));
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
          const Name middle = t.load(from, at({i, j, k})), two = t.mul(t.constant(2.0), middle);
          const auto along = [&](const std::string& plus, const std::string& minus) {
            return t.mul(t.constant(0.125), t.add(t.sub(t.load(from, plus), two), t.load(from, minus)));
          };
          Name sum = t.add(along(at({i + " + 1", j, k}), at({i + " - 1", j, k})),
                           along(at({i, j + " + 1", k}), at({i, j + " - 1", k})));
          sum = t.add(t.add(sum, along(at({i, j, k + " + 1"}), at({i, j, k + " - 1"}))), middle);
          t.store(sum, to, at({i, j, k}));
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
    t.loop(0, ny, [&](const Name& j) { t.store(t.load(drive, step), ey, at({"0", j})); });
    t.loop(1, nx, [&](const Name& i) {
      t.loop(0, ny, [&](const Name& j) {
        subtract(t, ey, at({i, j}),
                 t.mul(t.constant(0.5), t.sub(t.load(hz, at({i, j})), t.load(hz, at({i + " - 1", j})))));
      });
    });
    t.loop(0, nx, [&](const Name& i) {
      t.loop(1, ny, [&](const Name& j) {
        subtract(t, ex, at({i, j}),
                 t.mul(t.constant(0.5), t.sub(t.load(hz, at({i, j})), t.load(hz, at({i, j + " - 1"})))));
      });
    });
    t.loop(0, nx - 1, [&](const Name& i) {
      t.loop(0, ny - 1, [&](const Name& j) {
        Name slope = t.add(t.sub(t.load(ex, at({i, j + " + 1"})), t.load(ex, at({i, j}))),
                           t.load(ey, at({i + " + 1", j})));
        slope = t.sub(slope, t.load(ey, at({i, j})));
        subtract(t, hz, at({i, j}), t.mul(t.constant(0.7), slope));
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
      return along_rows ? at({i, fmt::format("{} - {}", j, by)}) : at({fmt::format("{} - {}", i, by), j});
    };
    const Name feed = t.add(t.mul(a1, t.load(from, at({i, j}))), t.mul(a2, t.load(from, back(1))));
    t.store(t.add(feed, t.add(t.mul(b1, t.load(to, back(1))), t.mul(b2, t.load(to, back(2))))), to,
            at({i, j}));
  };
  t.loop(0, w, [&](const Name& i) { t.loop(2, h, [&](const Name& j) { filter(in, rows, i, j, true); }); });
  t.loop(0, h, [&](const Name& j) { t.loop(2, w, [&](const Name& i) { filter(rows, out, i, j, false); }); });
}

}  // namespace

std::vector<BenchKernel> bench_kernels() {
  const std::vector<std::pair<const char*, void (*)(Text&)>> all = {{"gemm", gemm},
                                                                    {"2mm", two_products},
                                                                    {"3mm", three_products},
                                                                    {"atax", atax},
                                                                    {"bicg", bicg},
                                                                    {"mvt", mvt},
                                                                    {"gesummv", gesummv},
                                                                    {"gemver", gemver},
                                                                    {"syrk", syrk},
                                                                    {"syr2k", syr2k},
                                                                    {"trmm", trmm},
                                                                    {"symm", symm},
                                                                    {"doitgen", doitgen},
                                                                    {"covariance", covariance},
                                                                    {"correlation", correlation},
                                                                    {"lu", lu},
                                                                    {"cholesky", cholesky},
                                                                    {"trisolv", trisolv},
                                                                    {"gramschmidt", gramschmidt},
                                                                    {"floyd-warshall", floyd_warshall},
                                                                    {"jacobi-1d", jacobi_1d},
                                                                    {"jacobi-2d", jacobi_2d},
                                                                    {"seidel-2d", seidel_2d},
                                                                    {"heat-3d", heat_3d},
                                                                    {"fdtd-2d", fdtd_2d},
                                                                    {"deriche", deriche}};
  std::vector<BenchKernel> kernels;
  for (const auto& [name, write] : all) {
    KernelText text("f64");
    write(text);
    kernels.push_back({name, text.text()});
  }
  return kernels;
}

}  // namespace hone::cost
