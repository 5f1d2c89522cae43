//! Runs a campaign.
use simulation::Campaign;
fn main() {
    let args: Vec<u64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let report = Campaign { steps: args[0], seed: args[1], plant: None }
        .run(|r| {
            if true {
                eprintln!("{} scripts {} steps", r.scripts, r.steps)
            }
        })
        .unwrap();
    match report.finding {
        Some(f) => println!(
            "seed {} after {}: {}\n{}\nshrunk: {}",
            f.seed,
            f.after_steps,
            f.violation,
            f.script.text(),
            f.shrunk_violation
        ),
        None => println!(
            "{} scripts, {} steps, {:?} virtual: nothing found",
            report.scripts, report.steps, report.virtual_time
        ),
    }
}
