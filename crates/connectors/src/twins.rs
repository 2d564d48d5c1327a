//! What is the path of a second folder whose name says the same path as another's?

use limosa_model::FolderPath;

/// The path with the lowest number behind it, from 2 on, that is not taken; the path itself if it is free.
pub(crate) fn free_path(path: &FolderPath, taken: impl Fn(&FolderPath) -> bool) -> FolderPath {
    let mut free = path.clone();
    let mut number = 2;
    while taken(&free) {
        let mut names = path.names().to_vec();
        if let Some(last) = names.last_mut() {
            last.push_str(&format!(" ({number})"));
        }
        free = FolderPath::new(names);
        number += 1;
    }
    free
}
