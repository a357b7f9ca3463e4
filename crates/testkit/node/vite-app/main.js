document.getElementById('greeting').textContent = 'first version';
if (import.meta.hot) import.meta.hot.accept();
