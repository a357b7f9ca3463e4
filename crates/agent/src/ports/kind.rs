//! What a program probably is, from its name and command line.

/// Words of a command line, and what they mean; the first that is found counts. A word is found as the last
/// part of a path, without ending: `/x/node_modules/.bin/vite` is `vite`.
const WORDS: &[(&str, &str)] = &[
    ("vite", "vite"),
    ("next", "next"),
    ("next-server", "next"),
    ("nuxt", "nuxt"),
    ("nuxi", "nuxt"),
    ("astro", "astro"),
    ("remix", "remix"),
    ("react-router", "react-router"),
    ("svelte-kit", "sveltekit"),
    ("ng", "angular"),
    ("webpack", "webpack"),
    ("webpack-dev-server", "webpack"),
    ("react-scripts", "webpack"),
    ("vue-cli-service", "webpack"),
    ("parcel", "parcel"),
    ("storybook", "storybook"),
    ("wrangler", "wrangler"),
    ("rails", "rails"),
    ("puma", "rails"),
    ("jekyll", "jekyll"),
    ("hugo", "hugo"),
    ("manage", "django"),
    ("flask", "flask"),
    ("uvicorn", "uvicorn"),
    ("gunicorn", "gunicorn"),
    ("fastapi", "fastapi"),
    ("streamlit", "streamlit"),
    ("jupyter-lab", "jupyter"),
    ("jupyter-notebook", "jupyter"),
    ("http.server", "python"),
    ("artisan", "laravel"),
    ("dotnet", "dotnet"),
    ("spring-boot:run", "spring"),
    ("mix", "phoenix"),
    ("docker-proxy", "docker"),
    ("postgres", "postgres"),
    ("mysqld", "mysql"),
    ("mariadbd", "mysql"),
    ("redis-server", "redis"),
    ("mongod", "mongodb"),
    ("nginx", "nginx"),
    ("caddy", "caddy"),
    ("apache2", "apache"),
    ("httpd", "apache"),
    ("sshd", "ssh"),
];

/// What is left when no word says more.
const RUNTIMES: &[(&str, &str)] = &[
    ("node", "node"),
    ("bun", "bun"),
    ("deno", "deno"),
    ("python", "python"),
    ("ruby", "ruby"),
    ("php", "php"),
    ("java", "java"),
    ("beam.smp", "erlang"),
];

/// Words of a command line that are looked at: what follows are arguments.
const LOOKED_AT: usize = 6;

/// What it probably is.
pub(super) fn of(process: &str, command: &[&str]) -> Option<&'static str> {
    let words = || command.iter().take(LOOKED_AT).copied().chain([process]);
    let find = |table: &[(&str, &'static str)], word: &str| {
        let name = last_part(word);
        table.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    };
    words().find_map(|word| find(WORDS, word)).or_else(|| words().find_map(|word| find(RUNTIMES, word)))
}

/// Of a path its last part; without an ending that says only in which language it is written, and without
/// version.
fn last_part(word: &str) -> &str {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    let name = name.trim_end_matches(':');
    let endings = [".js", ".mjs", ".cjs", ".py", ".rb", ".exe"];
    let name = endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    match name.strip_prefix("python") {
        Some(version) if version.chars().all(|c| c.is_ascii_digit() || c == '.') => "python",
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dev_server_is_known_by_its_command_line() {
        for (process, command, kind) in [
            ("node", "node /home/me/shop/node_modules/.bin/vite --port 5173", Some("vite")),
            ("next-server", "next-server (v15.1.0)", Some("next")),
            ("node", "node ./node_modules/next/dist/bin/next dev", Some("next")),
            ("node", "node server.js", Some("node")),
            ("python3.13", "python3 manage.py runserver", Some("django")),
            ("python3", "/usr/bin/python3.13 -m http.server 8000", Some("python")),
            ("python3", "/venv/bin/python /venv/bin/uvicorn app:app", Some("uvicorn")),
            ("php", "php -S localhost:8000", Some("php")),
            ("php", "php artisan serve", Some("laravel")),
            ("ruby", "puma 6.4 (tcp://localhost:3000)", Some("rails")),
            ("docker-proxy", "", Some("docker")),
            ("shop", "target/debug/shop", None),
        ] {
            let words: Vec<&str> = command.split(' ').collect();
            assert_eq!(of(process, &words), kind, "{command}");
        }
    }
}
