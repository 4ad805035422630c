#![allow(clippy::print_stdout)]
use staunch_model::ServiceName;
use staunch_simulation::*;
fn main() {
    let mut args = std::env::args().skip(1);
    let seeds: u64 = args.next().unwrap().parse().unwrap();
    let only = args.next().unwrap_or_default();
    let name = ServiceName::try_from("shop".to_owned()).unwrap();
    for case in standard(&name, seeds, Looks::default()).unwrap() {
        let id = format!(
            "{:?}{}/{}/{}",
            case.part,
            &case.setting[..case.setting.len().min(3)],
            case.simulation.world.name,
            case.simulation.world.rps
        );
        if !id.contains(&only) {
            continue;
        }
        let t = std::time::Instant::now();
        let row = case.run(2, &Progress::default()).unwrap();
        let s = &row.summary;
        println!(
            "{id:36} {:.1}ms/run looks {:.0} false {:.2}% missed {:.1}% prom {:.1}% gave {:.1}%",
            t.elapsed().as_secs_f64() * 2e3 / seeds as f64,
            s.looks,
            100.0 * s.false_rollbacks.value(),
            100.0 * s.missed.value(),
            100.0 * s.promoted.value(),
            100.0 * s.gave_up.value()
        );
        println!("      {:?}", s.causes);
        if let (Some(d), Some(b)) = (s.delay_secs, s.bound_secs) {
            println!(
                "      delay med {:.2} mean {:.2} p95 {:.2} bound {:.2}: {:.2} {:.2}",
                d.median,
                d.mean,
                d.p95,
                b,
                d.median / b,
                d.mean / b
            );
        }
        if let Some(e) = s.excess_failures {
            println!("      excess mean {:.2} p95 {:.2}", e.mean, e.p95);
        }
        if let Some(e) = s.full_secs {
            println!("      full median {:.1} p95 {:.1}", e.median, e.p95);
        }
        for p in &s.peers {
            println!(
                "      {:35} false {:.1}% missed {:.1}% median {:?} excess {:?}",
                p.peer.name(),
                100.0 * p.false_rollbacks.value(),
                100.0 * p.missed.value(),
                p.delay_secs.map(|d| d.median),
                p.excess_failures.map(|e| e.mean)
            );
        }
    }
}
