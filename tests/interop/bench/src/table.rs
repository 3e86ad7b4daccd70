//! The one table that is printed.

/// Rows of a name, a unit, a number and a remark, printed as they come.
#[derive(Default)]
pub struct Table;

impl Table {
    pub fn section(&mut self, title: &str) {
        println!("\n{title}");
    }

    pub fn row(&mut self, name: &str, unit: &str, value: f64, remark: &str) {
        let digits = match value {
            1000.0.. => 0,
            10.0.. => 1,
            _ => 3,
        };
        println!("  {name:58} {value:>12.digits$} {unit:14} {remark}");
    }
}

/// The middle one of several measurements.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
