#include "hone/cost/bench_kernels.h"

#include <fmt/format.h>

#include "hone/cost/bench_stencils.h"

namespace hone::cost {

namespace {

using Text = KernelText;
using Name = std::string;

std::string number(std::int64_t value) { return fmt::format("{}", value); }

/// out = alpha A B as plain C has it: zero, then a sum in the innermost loop.
void multiply_add(Text& t, std::int64_t m, std::int64_t n, std::int64_t k, const Name& a, const Name& b,
                  const Name& out, const Name& alpha = "") {
  t.nest({m, n}, [&](const std::vector<Name>& ij) {
    t.store(t.constant(0.0), out, listed(ij));
    t.loop(0, k, [&](const Name& l) {
      Name left = t.load(a, listed({ij[0], l}));
      if (!alpha.empty()) left = t.mul(alpha, left);
      t.accumulate(out, listed(ij), t.mul(left, t.load(b, listed({l, ij[1]}))));
    });
  });
}

void gemm(Text& t) {
  const std::int64_t m = 200, n = 220, k = 240;
  const Name a = t.buffer({m, k}), b = t.buffer({k, n}), c = t.buffer({m, n}), alpha = t.scalar(),
             beta = t.scalar();
  t.loop(0, m, [&](const Name& i) {
    t.loop(0, n, [&](const Name& j) { t.store(t.mul(t.load(c, listed({i, j})), beta), c, listed({i, j})); });
    t.loop(0, k, [&](const Name& l) {
      t.loop(0, n, [&](const Name& j) {
        t.accumulate(c, listed({i, j}),
                     t.mul(t.mul(alpha, t.load(a, listed({i, l}))), t.load(b, listed({l, j}))));
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
    t.store(t.mul(t.load(d, listed(ij)), beta), d, listed(ij));
    t.loop(0, nj, [&](const Name& k) {
      t.accumulate(d, listed(ij), t.mul(t.load(tmp, listed({ij[0], k})), t.load(c, listed({k, ij[1]}))));
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
    t.loop(0, n, [&](const Name& j) {
      t.accumulate(tmp, i, t.mul(t.load(a, listed({i, j})), t.load(x, j)));
    });
    t.loop(0, n, [&](const Name& j) {
      t.accumulate(y, j, t.mul(t.load(a, listed({i, j})), t.load(tmp, i)));
    });
  });
}

void bicg(Text& t) {
  const std::int64_t m = 390, n = 410;
  const Name a = t.buffer({n, m}), s = t.buffer({m}), q = t.buffer({n}), p = t.buffer({m}), r = t.buffer({n});
  t.loop(0, m, [&](const Name& i) { t.store(t.constant(0.0), s, i); });
  t.loop(0, n, [&](const Name& i) {
    t.store(t.constant(0.0), q, i);
    t.loop(0, m, [&](const Name& j) {
      t.accumulate(s, j, t.mul(t.load(r, i), t.load(a, listed({i, j}))));
      t.accumulate(q, i, t.mul(t.load(a, listed({i, j})), t.load(p, j)));
    });
  });
}

void mvt(Text& t) {
  const std::int64_t n = 400;
  const Name a = t.buffer({n, n}), x1 = t.buffer({n}), x2 = t.buffer({n}), y1 = t.buffer({n}),
             y2 = t.buffer({n});
  t.nest({n, n}, [&](const std::vector<Name>& ij) {
    t.accumulate(x1, ij[0], t.mul(t.load(a, listed(ij)), t.load(y1, ij[1])));
  });
  t.nest({n, n}, [&](const std::vector<Name>& ij) {
    t.accumulate(x2, ij[0], t.mul(t.load(a, listed({ij[1], ij[0]})), t.load(y2, ij[1])));
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
      t.accumulate(tmp, i, t.mul(t.load(a, listed({i, j})), t.load(x, j)));
      t.accumulate(y, i, t.mul(t.load(b, listed({i, j})), t.load(x, j)));
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
    const Name first = t.add(t.load(a, listed(ij)), t.mul(t.load(u1, ij[0]), t.load(v1, ij[1])));
    t.store(t.add(first, t.mul(t.load(u2, ij[0]), t.load(v2, ij[1]))), a, listed(ij));
  });
  t.nest({n, n}, [&](const std::vector<Name>& ij) {
    t.accumulate(x, ij[0], t.mul(t.mul(beta, t.load(a, listed({ij[1], ij[0]}))), t.load(y, ij[1])));
  });
  t.loop(0, n, [&](const Name& i) { t.accumulate(x, i, t.load(z, i)); });
  t.nest({n, n}, [&](const std::vector<Name>& ij) {
    t.accumulate(w, ij[0], t.mul(t.mul(alpha, t.load(a, listed(ij))), t.load(x, ij[1])));
  });
}

void syrk(Text& t) {
  const std::int64_t n = 240, m = 200;
  const Name a = t.buffer({n, m}), c = t.buffer({n, n}), alpha = t.scalar(), beta = t.scalar();
  t.loop(0, n, [&](const Name& i) {
    t.loop("0", i + " + 1", [&](const Name& j) {
      t.store(t.mul(t.load(c, listed({i, j})), beta), c, listed({i, j}));
    });
    t.loop(0, m, [&](const Name& k) {
      t.loop("0", i + " + 1", [&](const Name& j) {
        t.accumulate(c, listed({i, j}),
                     t.mul(t.mul(alpha, t.load(a, listed({i, k}))), t.load(a, listed({j, k}))));
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
      t.store(t.mul(t.load(c, listed({i, j})), beta), c, listed({i, j}));
    });
    t.loop(0, m, [&](const Name& k) {
      t.loop("0", i + " + 1", [&](const Name& j) {
        const Name one = t.mul(t.mul(t.load(a, listed({j, k})), alpha), t.load(b, listed({i, k})));
        const Name two = t.mul(t.mul(t.load(b, listed({j, k})), alpha), t.load(a, listed({i, k})));
        t.store(t.add(t.add(t.load(c, listed({i, j})), one), two), c, listed({i, j}));
      });
    });
  });
}

void trmm(Text& t) {
  const std::int64_t m = 200, n = 240;
  const Name a = t.buffer({m, m}), b = t.buffer({m, n}), alpha = t.scalar();
  t.nest({m, n}, [&](const std::vector<Name>& ij) {
    t.loop(ij[0] + " + 1", number(m), [&](const Name& k) {
      t.accumulate(b, listed(ij), t.mul(t.load(a, listed({k, ij[0]})), t.load(b, listed({k, ij[1]}))));
    });
    t.store(t.mul(alpha, t.load(b, listed(ij))), b, listed(ij));
  });
}

void symm(Text& t) {
  const std::int64_t m = 200, n = 240;
  const Name a = t.buffer({m, m}), b = t.buffer({m, n}), c = t.buffer({m, n}), tmp = t.buffer({1}),
             alpha = t.scalar(), beta = t.scalar();
  t.nest({m, n}, [&](const std::vector<Name>& ij) {
    t.store(t.constant(0.0), tmp, "0");
    t.loop("0", ij[0], [&](const Name& k) {
      t.accumulate(c, listed({k, ij[1]}),
                   t.mul(t.mul(alpha, t.load(b, listed(ij))), t.load(a, listed({ij[0], k}))));
      t.accumulate(tmp, "0", t.mul(t.load(b, listed({k, ij[1]})), t.load(a, listed({ij[0], k}))));
    });
    const Name own = t.mul(t.mul(alpha, t.load(b, listed(ij))), t.load(a, listed({ij[0], ij[0]})));
    t.store(t.add(t.add(t.mul(beta, t.load(c, listed(ij))), own), t.mul(alpha, t.load(tmp, "0"))), c,
            listed(ij));
  });
}

void doitgen(Text& t) {
  const std::int64_t q = 40, r = 50, p = 60;
  const Name a = t.buffer({r, q, p}), c4 = t.buffer({p, p}), sum = t.buffer({p});
  t.nest({r, q}, [&](const std::vector<Name>& rq) {
    t.loop(0, p, [&](const Name& i) {
      t.store(t.constant(0.0), sum, i);
      t.loop(0, p, [&](const Name& s) {
        t.accumulate(sum, i, t.mul(t.load(a, listed({rq[0], rq[1], s})), t.load(c4, listed({s, i}))));
      });
    });
    t.loop(0, p, [&](const Name& i) { t.store(t.load(sum, i), a, listed({rq[0], rq[1], i})); });
  });
}

void means(Text& t, std::int64_t rows, std::int64_t columns, const Name& data, const Name& mean) {
  t.loop(0, columns, [&](const Name& j) {
    t.store(t.constant(0.0), mean, j);
    t.loop(0, rows, [&](const Name& i) { t.accumulate(mean, j, t.load(data, listed({i, j}))); });
    t.store(t.div(t.load(mean, j), t.constant(static_cast<double>(rows))), mean, j);
  });
}

void covariance(Text& t) {
  const std::int64_t m = 240, n = 260;
  const Name data = t.buffer({n, m}), cov = t.buffer({m, m}), mean = t.buffer({m});
  means(t, n, m, data, mean);
  t.nest({n, m}, [&](const std::vector<Name>& ij) { t.subtract(data, listed(ij), t.load(mean, ij[1])); });
  t.loop(0, m, [&](const Name& i) {
    t.loop(i, number(m), [&](const Name& j) {
      t.store(t.constant(0.0), cov, listed({i, j}));
      t.loop(0, n, [&](const Name& k) {
        t.accumulate(cov, listed({i, j}), t.mul(t.load(data, listed({k, i})), t.load(data, listed({k, j}))));
      });
      t.store(t.div(t.load(cov, listed({i, j})), t.constant(static_cast<double>(n) - 1.0)), cov,
              listed({i, j}));
      t.store(t.load(cov, listed({i, j})), cov, listed({j, i}));
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
      const Name off = t.sub(t.load(data, listed({i, j})), t.load(mean, j));
      t.accumulate(spread, j, t.mul(off, off));
    });
    t.store(t.unary("math.sqrt", t.div(t.load(spread, j), count)), spread, j);
  });
  const Name root = t.unary("math.sqrt", count);
  t.nest({n, m}, [&](const std::vector<Name>& ij) {
    t.subtract(data, listed(ij), t.load(mean, ij[1]));
    t.store(t.div(t.load(data, listed(ij)), t.mul(root, t.load(spread, ij[1]))), data, listed(ij));
  });
  t.loop(0, m - 1, [&](const Name& i) {
    t.store(t.constant(1.0), corr, listed({i, i}));
    t.loop(i + " + 1", number(m), [&](const Name& j) {
      t.store(t.constant(0.0), corr, listed({i, j}));
      t.loop(0, n, [&](const Name& k) {
        t.accumulate(corr, listed({i, j}), t.mul(t.load(data, listed({k, i})), t.load(data, listed({k, j}))));
      });
      t.store(t.load(corr, listed({i, j})), corr, listed({j, i}));
    });
  });
}

void lu(Text& t) {
  const std::int64_t n = 240;
  const Name a = t.buffer({n, n});
  t.loop(0, n, [&](const Name& i) {
    t.loop("0", i, [&](const Name& j) {
      t.loop("0", j, [&](const Name& k) {
        t.subtract(a, listed({i, j}), t.mul(t.load(a, listed({i, k})), t.load(a, listed({k, j}))));
      });
      t.store(t.div(t.load(a, listed({i, j})), t.load(a, listed({j, j}))), a, listed({i, j}));
    });
    t.loop(i, number(n), [&](const Name& j) {
      t.loop("0", i, [&](const Name& k) {
        t.subtract(a, listed({i, j}), t.mul(t.load(a, listed({i, k})), t.load(a, listed({k, j}))));
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
        t.subtract(a, listed({i, j}), t.mul(t.load(a, listed({i, k})), t.load(a, listed({j, k}))));
      });
      t.store(t.div(t.load(a, listed({i, j})), t.load(a, listed({j, j}))), a, listed({i, j}));
    });
    t.loop("0", i, [&](const Name& k) {
      const Name value = t.load(a, listed({i, k}));
      t.subtract(a, listed({i, i}), t.mul(value, value));
    });
    t.store(t.unary("math.sqrt", t.load(a, listed({i, i}))), a, listed({i, i}));
  });
}

void trisolv(Text& t) {
  const std::int64_t n = 400;
  const Name l = t.buffer({n, n}), x = t.buffer({n}), b = t.buffer({n});
  t.loop(0, n, [&](const Name& i) {
    t.store(t.load(b, i), x, i);
    t.loop("0", i, [&](const Name& j) { t.subtract(x, i, t.mul(t.load(l, listed({i, j})), t.load(x, j))); });
    t.store(t.div(t.load(x, i), t.load(l, listed({i, i}))), x, i);
  });
}

void gramschmidt(Text& t) {
  const std::int64_t m = 200, n = 240;
  const Name a = t.buffer({m, n}), r = t.buffer({n, n}), q = t.buffer({m, n}), norm = t.buffer({1});
  t.loop(0, n, [&](const Name& k) {
    t.store(t.constant(0.0), norm, "0");
    t.loop(0, m, [&](const Name& i) {
      t.accumulate(norm, "0", t.mul(t.load(a, listed({i, k})), t.load(a, listed({i, k}))));
    });
    t.store(t.unary("math.sqrt", t.load(norm, "0")), r, listed({k, k}));
    t.loop(0, m, [&](const Name& i) {
      t.store(t.div(t.load(a, listed({i, k})), t.load(r, listed({k, k}))), q, listed({i, k}));
    });
    t.loop(k + " + 1", number(n), [&](const Name& j) {
      t.store(t.constant(0.0), r, listed({k, j}));
      t.loop(0, m, [&](const Name& i) {
        t.accumulate(r, listed({k, j}), t.mul(t.load(q, listed({i, k})), t.load(a, listed({i, j}))));
      });
      t.loop(0, m, [&](const Name& i) {
        t.subtract(a, listed({i, j}), t.mul(t.load(q, listed({i, k})), t.load(r, listed({k, j}))));
      });
    });
  });
}

void floyd_warshall(Text& t) {
  const std::int64_t n = 200;
  const Name path = t.buffer({n, n});
  t.nest({n, n, n}, [&](const std::vector<Name>& kij) {
    const std::string place = listed({kij[1], kij[2]});
    t.store(t.min(t.load(path, place),
                  t.add(t.load(path, listed({kij[1], kij[0]})), t.load(path, listed({kij[0], kij[2]})))),
            path, place);
  });
}

}  // namespace

std::vector<BenchKernel> bench_kernels() {
  static constexpr BenchProgram kernels[] = {{"gemm", gemm},
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
                                             {"floyd-warshall", floyd_warshall}};
  std::vector<BenchKernel> result;
  for (const auto programs : {std::span<const BenchProgram>(kernels), bench_stencils()})
    for (const auto& [name, write] : programs) {
      KernelText text("f64");
      write(text);
      result.push_back({name, text.text()});
    }
  return result;
}

}  // namespace hone::cost
