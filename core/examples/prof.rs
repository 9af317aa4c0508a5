//! x
use noctule_core::base::{Seed, SeededRandom};
use noctule_core::scoring::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let (n, d, c, rounds): (usize, usize, usize, usize) = (
        a[1].parse().unwrap(),
        a[2].parse().unwrap(),
        a[3].parse().unwrap(),
        a[4].parse().unwrap(),
    );
    let mut r = SeededRandom::new(Seed((n + d) as u64));
    // cheap values
    let mut normal = |k: usize| (0..k).map(|_| r.normal() as f32).collect::<Vec<_>>();
    let e = normal(n * d);
    let q = normal(24 * d);
    let z = quantise(&e, d).unwrap();
    let m = ItemMatrix::new(&z.codes, &z.scales, &e, d).unwrap();
    let rows: Vec<&[f32]> = q.chunks_exact(d).collect();
    for kernel in Kernel::available() {
        if a.len() > 5 && kernel.name() != a[5] {
            continue;
        }
        let t = TopK { kernel, ..TopK::new(100) };
        let mut best = f64::MAX;
        let mut all = vec![];
        for i in 0..rounds {
            let f = if c == 1 { i % 24 } else { 0 };
            t.search(&m, &rows[f..f + c]).unwrap();
            let b = cpu();
            std::hint::black_box(t.search(&m, &rows[f..f + c]).unwrap());
            let x = (cpu() - b) as f64 / 1e6;
            best = best.min(x);
            all.push(x);
        }
        all.sort_by(f64::total_cmp);
        println!("{} {n}x{d} c{c}: best {best:.3} median {:.3}", kernel.name(), all[all.len() / 2]);
    }
}

fn cpu() -> u64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}
